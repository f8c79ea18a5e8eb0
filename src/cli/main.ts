#!/usr/bin/env node
/** The command line: runs the named command (program.ts), and turns what it throws into messages and exit codes. */
import '../lib/polyfill.js'
import { Command, CommanderError } from 'commander'
import { errorCode, GossumError, HintedError } from '../errors.js'
import { ALL_FLAGS, declareFlags } from './common-flags.js'
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from './exit.js'
import { adopted, isCommand, programFor } from './program.js'
import { output, type Output, type OutputFlags } from './ui/output.js'
import { exitWith, watchOutput } from './ui/lost-reader.js'

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
    // Without a command, the help text was the output.
    if (error.code !== 'commander.help') out.error(...usageError(error, words[0]))
    return EXIT.refused
  }
}

/**
 * Runs before any command: refuses a variable that looks like a misspelled setting, and warns of one that resembles no
 * setting. Requests for help are exempt.
 */
async function checkEnvironment(out: Output): Promise<void> {
  const { env } = process
  // Loading the settings takes time, so only those who have set such a variable pay for it.
  if (!Object.keys(env).some((name) => /^gossum_/i.test(name))) return
  const [{ VARIABLES }, { foreignVariables }] = await Promise.all([
    import('../config/sources.js'),
    import('../config/variables.js'),
  ])
  for (const { name, meant } of foreignVariables(env, VARIABLES)) {
    const error = new GossumError('CONFIG_INVALID', `there is no setting ${name}`)
    if (meant !== undefined) throw new HintedError(error, `did you mean ${meant}?`)
    out.talk(`gossum: ${name} is not a setting of this version, and is ignored`, { important: true })
  }
}

/**
 * Turns `help evidence list` into `evidence list --help`. Help for a command that does not exist is reported as a typo.
 */
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

/** The words of the command line that are not options, and the shared flags, before the command is known. */
function scan(args: readonly string[]): { words: readonly string[]; flags: OutputFlags } {
  const scanner = adopted(new Command('gossum'))
  declareFlags(scanner, ALL_FLAGS)
  let words: readonly string[] = []
  try {
    words = scanner.parseOptions([...args]).operands
  } catch (error) {
    // The program itself will report the error.
    if (!(error instanceof CommanderError)) throw error
  }
  return { words, flags: scanner.opts() }
}

/** An error of commander as one of ours. */
function usageError(error: CommanderError, name: string | undefined): [error: GossumError, hint: string] {
  const [what, suggestion] = error.message.split('\n')
  const likely = /\((?:Did you mean )(?:one of )?(.*)\?\)/.exec(suggestion ?? '')?.[1]
  const detail = what!.replace(/^error: /, '')
  const hint = likely === undefined ? `see ${helpPage(name)}` : `did you mean ${likely}?`
  return [new GossumError('USAGE', detail, error), hint]
}

/** Commands other than `run` that serve until they are told to stop. */
const SERVING = new Set(['log serve', 'demo log'])

const given = process.argv.slice(2)
const tell = (error: GossumError): void => output(scan(given).flags).error(error)
const [name, subcommand] = scan(given).words
watchOutput(name === 'run' || SERVING.has(`${name} ${subcommand}`), tell)
void exitWith(main(given), tell)
