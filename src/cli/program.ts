/** The commands: their names, what loads each, and the program with one of them, or with all. */
import { Command } from 'commander'
import { VERSION } from '../version.js'
import { ALL_FLAGS, declareFlags, declareHelp, type SharedFlag } from './common-flags.js'

interface Entry {
  readonly name: string
  readonly summary: string
  /** The shared flags it takes, in addition to those of every command. */
  readonly flags: readonly SharedFlag[]
  /** Subcommands that `load` builds only if the next word names one of them. */
  readonly apart?: readonly string[]
  /** Receives the word after its name. */
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
    apart: ['log'],
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
    summary: 'evidence of misbehaviour: list, show, acknowledge, import',
    flags: ['home', 'config', 'node'],
    load: async () => (await import('./commands/ask.js')).evidenceCommand(),
  },
  {
    name: 'check',
    summary: 'compare what the go command was shown with what others see',
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
    summary: 'read every record of a log, and report every bad one',
    flags: ['home', 'node'],
    apart: ['merge'],
    load: async (next) => (await import('./commands/audit.js')).command(next),
  },
  {
    name: 'policy',
    summary: 'what a policy protects against',
    flags: [],
    load: async () => (await import('./commands/policy.js')).command(),
  },
  {
    name: 'watch',
    summary: 'modules whose new versions a node reports',
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
    summary: 'who is alerted when something is wrong: test, list',
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
    summary: 'the settings of a node: write a file, check it, show what applies',
    flags: ['home', 'config', 'node'],
    load: async () => (await import('./commands/config.js')).command(),
  },
  {
    name: 'doctor',
    summary: 'check a node, its machine and the go command',
    flags: ['home', 'config'],
    load: async () => (await import('./commands/doctor/doctor.js')).command(),
  },
  {
    name: 'reload',
    summary: 'make a running node apply changed settings',
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
  {
    name: 'completion',
    summary: 'completion of commands, flags and values for bash, zsh and fish',
    flags: [],
    load: async () => (await import('./commands/completion/completion.js')).command(wholeProgram),
  },
]

const EPILOGUE = `
Examples:
  gossum run                      follow sum.golang.org with everything at its default
  gossum status                   ask the node on this machine what it sees
  gossum verify head.txt          check a head offline

Exit codes: gossum help exit-codes. Documentation: docs/ beside this program.
`

export function isCommand(name: string | undefined): name is string {
  return COMMANDS.some((entry) => entry.name === name)
}

/** The program with one command loaded; the others are only listed. */
export async function programFor([name, next]: readonly string[]): Promise<Command> {
  const entry = COMMANDS.find((candidate) => candidate.name === name)
  const program = emptyProgram(entry?.flags ?? ALL_FLAGS)
  for (const candidate of COMMANDS) {
    const command = candidate === entry ? await loaded(candidate, next) : new Command(candidate.name)
    program.addCommand(command.summary(candidate.summary))
  }
  return adopted(program)
}

/** The program with every command and subcommand, for callers that list them all. Loading them takes a while. */
async function wholeProgram(): Promise<Command> {
  const program = emptyProgram(ALL_FLAGS)
  for (const entry of COMMANDS) {
    const command = await loaded(entry, undefined)
    for (const word of entry.apart ?? []) (await loaded(entry, word)).commands.forEach((sub) => command.addCommand(sub))
    program.addCommand(command.summary(entry.summary))
  }
  return program
}

function emptyProgram(flags: readonly SharedFlag[]): Command {
  const program = new Command('gossum')
    .description(
      'a witness for checksum databases: proves, cosigns and gossips tree heads, and convicts a log that lies',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print help for a command, or "exit-codes"')
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', EPILOGUE)
  declareFlags(program, flags)
  return program
}

async function loaded({ load, flags }: Entry, next: string | undefined): Promise<Command> {
  const command = await load(next)
  declareHelp(command)
  if (command.commands.length > 0) command.helpCommand('help [command]', 'print help for a command')
  leaves(command).forEach((leaf) => declareFlags(leaf, flags))
  return command
}

function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

/** Makes a command and its subcommands throw instead of exiting, and leave the reporting of errors to us. */
export function adopted(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => undefined })
  command.commands.forEach(adopted)
  return command
}
