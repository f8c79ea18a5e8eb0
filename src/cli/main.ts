#!/usr/bin/env node
/** The command line: finds the command, loads it and nothing else, and turns what it throws into words and exit codes. */
import '../lib/polyfill.js'
import { Command, CommanderError } from 'commander'
import { errorCode, GossumError, HintedError } from '../errors.js'
import { VERSION } from '../version.js'
import { ALL_FLAGS, declareFlags, declareHelp, type SharedFlag } from './common-flags.js'
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from './exit.js'
import { output, type Output, type OutputFlags } from './ui/output.js'
import { exitWith, watchOutput } from './ui/lost-reader.js'

interface Entry {
  readonly name: string
  readonly summary: string
  /** The shared flags that it takes besides those that every command takes. */
  readonly flags: readonly SharedFlag[]
  /** Is told the word behind its name. */
  readonly load: (next: string | undefined) => Promise<Command>
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'run',
    summary: 'run a node: follow the log, prove, cosign, gossip',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/run.js')).command(),
  },
  {
    name: 'demo',
    summary: 'the whole story on one machine, no network',
    flags: [],
    load: async (next) => (await import('./commands/demo.js')).command(next),
  },
  {
    name: 'status',
    summary: 'what a running node sees',
    flags: ['config', 'node'],
    load: async () => (await import('./commands/ask.js')).statusCommand(),
  },
  {
    name: 'heads',
    summary: 'the newest heads of a log',
    flags: ['config', 'node'],
    load: async () => (await import('./commands/ask.js')).headsCommand(),
  },
  {
    name: 'peers',
    summary: 'the peers of a running node',
    flags: ['config', 'node'],
    load: async () => (await import('./commands/ask.js')).peersCommand(),
  },
  {
    name: 'evidence',
    summary: 'proofs of misbehaviour: list, show, acknowledge, import',
    flags: ['home', 'config', 'node'],
    load: async () => (await import('./commands/ask.js')).evidenceCommand(),
  },
  {
    name: 'check',
    summary: 'what the go command was shown, against what the world sees',
    flags: ['home', 'config', 'node'],
    load: async (next) => (await import('./commands/check.js')).command(next),
  },
  {
    name: 'verify',
    summary: 'check heads, evidence and proofs in files, offline',
    flags: [],
    load: async () => (await import('./commands/verify.js')).command(),
  },
  {
    name: 'probe',
    summary: 'is this checksum database or GOPROXY honest?',
    flags: ['config', 'node'],
    load: async () => (await import('./commands/probe.js')).command(),
  },
  {
    name: 'audit',
    summary: 'read every record of a log, and name every bad one',
    flags: ['home', 'node'],
    load: async (next) => (await import('./commands/audit.js')).command(next),
  },
  {
    name: 'policy',
    summary: 'what a policy protects from',
    flags: [],
    load: async () => (await import('./commands/policy.js')).command(),
  },
  {
    name: 'watch',
    summary: 'modules whose new versions a node tells of',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/watch.js')).command(),
  },
  {
    name: 'mirror',
    summary: 'the module mirror of a node: what it keeps, hides and refuses',
    flags: ['home', 'config', 'node'],
    load: async () => (await import('./commands/mirror.js')).command(),
  },
  {
    name: 'alarm',
    summary: 'whom a node tells when something is wrong: test, list',
    flags: ['home', 'config', 'node'],
    load: async () => (await import('./commands/alarm.js')).command(),
  },
  {
    name: 'explain',
    summary: 'what an error code means, and what to do about it',
    flags: [],
    load: async () => (await import('./commands/explain.js')).command(),
  },
  {
    name: 'key',
    summary: 'make, import or show the keys of a node',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/key.js')).command(),
  },
  {
    name: 'config',
    summary: 'the settings of a node: a file to begin with, what is wrong with it, what holds',
    flags: ['home', 'config', 'node'],
    load: async () => (await import('./commands/config.js')).command(),
  },
  {
    name: 'doctor',
    summary: 'how do I know that it works? a node, its machine, the go command',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/doctor/doctor.js')).command(),
  },
  {
    name: 'reload',
    summary: 'have a running node take up what changed in its settings',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/reload.js')).reloadCommand(),
  },
  {
    name: 'log-level',
    summary: 'how much a running node logs',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/reload.js')).logLevelCommand(),
  },
  {
    name: 'state',
    summary: 'the database that several machines with one witness key share',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/state.js')).command(),
  },
  {
    name: 'log',
    summary: 'the logs of a node: add, disable, list; or serve one of your own',
    flags: ['home'],
    load: async () => (await import('./commands/log.js')).command(),
  },
]

const EPILOGUE = `
Examples:
  gossum run                      follow sum.golang.org with everything at its default
  gossum status                   ask the node on this machine what it sees
  gossum verify head.txt          check a head offline

Exit codes: gossum help exit-codes. Documentation: docs/ beside this program.
`

/** Runs one command line and returns its exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { words, flags } = scan(args)
  const out = output(flags)
  try {
    const [first, second] = words
    if (first === 'help' && second === 'exit-codes') {
      out.raw(EXIT_CODES_HELP)
      return EXIT.fine
    }
    const program = await programFor(first === 'help' ? words.slice(1) : words)
    program.hook('preAction', () => checkEnvironment(out))
    const isHelp = first === 'help' && second !== undefined
    await program.parseAsync(isHelp ? helpArgs(program, words.slice(1)) : args, { from: 'user' })
    return Number(process.exitCode ?? EXIT.fine)
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const hasHint = error instanceof HintedError
      if (errorCode(error) === 'USAGE' && !hasHint) out.error(error, `see ${helpPage(words[0])}`)
      else out.error(error)
      return exitCodeOf(errorCode(error))
    }
    if (error.exitCode === 0) return EXIT.fine
    // Without a command its help was the answer.
    if (error.code !== 'commander.help') out.error(...usageError(error, words[0]))
    return EXIT.refused
  }
}

/**
 * Before any command does anything: a variable that looks like a misspelled setting is refused, and what is no setting at all is
 * said. Who asks for help is helped.
 */
async function checkEnvironment(out: Output): Promise<void> {
  const { env } = process
  // The settings are loaded by what needs them, and otherwise only for who has set something.
  if (!Object.keys(env).some((name) => /^gossum_/i.test(name))) return
  const [{ VARIABLES }, { foreignVariables }] = await Promise.all([
    import('../config/sources.js'),
    import('../config/variables.js'),
  ])
  for (const { name, meant } of foreignVariables(env, VARIABLES)) {
    const error = new GossumError('CONFIG_INVALID', `there is no setting ${name}`)
    if (meant !== undefined) throw new HintedError(error, `did you mean ${meant}?`)
    out.talk(`gossum: ${name} is no setting of this version, and is ignored`, { important: true })
  }
}

/** `help evidence list` as `evidence list --help`. Help about what does not exist is a typo like any other. */
function helpArgs(program: Command, words: readonly string[]): string[] {
  const known: string[] = []
  let command = program
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word)
    if (next === undefined && command.commands.length > 0) return [...known, word]
    if (next === undefined) break
    known.push(word)
    command = next
  }
  return [...known, '--help']
}

function helpPage(name: string | undefined): string {
  return isCommand(name) ? `gossum ${name} --help` : 'gossum --help'
}

function isCommand(name: string | undefined): name is string {
  return COMMANDS.some((entry) => entry.name === name)
}

/** The words of the command line that are no options, and the shared flags, before the command is known. */
function scan(args: readonly string[]): { words: readonly string[]; flags: OutputFlags } {
  const scanner = adopted(new Command('gossum'))
  declareFlags(scanner, ALL_FLAGS)
  let words: readonly string[] = []
  try {
    words = scanner.parseOptions([...args]).operands
  } catch (error) {
    // The program itself will say what is wrong.
    if (!(error instanceof CommanderError)) throw error
  }
  return { words, flags: scanner.opts() }
}

/** The program with one command loaded; the others are only there to be listed. */
async function programFor([name, next]: readonly string[]): Promise<Command> {
  const program = new Command('gossum')
    .description(
      'a witness for checksum databases: proves, cosigns and gossips tree heads, and convicts a log that lies',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print help for a command, or "exit-codes"')
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', EPILOGUE)
  const entry = COMMANDS.find((candidate) => candidate.name === name)
  declareFlags(program, entry?.flags ?? ALL_FLAGS)
  for (const candidate of COMMANDS) {
    const command = candidate === entry ? await candidate.load(next) : new Command(candidate.name)
    if (candidate === entry) {
      declareHelp(command)
      if (command.commands.length > 0) command.helpCommand('help [command]', 'print help for a command')
      leaves(command).forEach((leaf) => declareFlags(leaf, candidate.flags))
    }
    program.addCommand(command.summary(candidate.summary))
  }
  return adopted(program)
}

function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

/** Makes a command and its subcommands throw instead of exit, and keep their errors for us to tell. */
function adopted(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => undefined })
  command.commands.forEach(adopted)
  return command
}

/** What commander says, in our form. */
function usageError(error: CommanderError, name: string | undefined): [error: GossumError, hint: string] {
  const [what, suggestion] = error.message.split('\n')
  const likely = /\((?:Did you mean )(?:one of )?(.*)\?\)/.exec(suggestion ?? '')?.[1]
  const detail = what!.replace(/^error: /, '')
  const hint = likely === undefined ? `see ${helpPage(name)}` : `did you mean ${likely}?`
  return [new GossumError('USAGE', detail, error), hint]
}

/** What serves until it is told to stop, beside nodes. */
const SERVING = new Set(['log serve', 'demo log'])

const given = process.argv.slice(2)
const tell = (error: GossumError): void => output(scan(given).flags).error(error)
const [name, subcommand] = scan(given).words
watchOutput(name === 'run' || SERVING.has(`${name} ${subcommand}`), tell)
void exitWith(main(given), tell)
