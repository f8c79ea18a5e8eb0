/**
 * What may follow `gossum` on a command line, for shell completion: derived from the commands, their flags and
 * arguments.
 */
import type { Argument, Command, Option } from 'commander'
import { ERRORS } from '../../../errors.js'
import { collect } from '../../common-flags.js'

/** What is expected at one place of a command line. */
export interface WantedWords {
  /** Its placeholder in the help. */
  readonly name: string
  /** All possible words; empty if they are not known. */
  readonly words: readonly string[]
  readonly paths: 'files' | 'folders' | undefined
  readonly isRepeated: boolean
}

export interface FlagWords {
  /** Such as `-q` and `--quiet`. */
  readonly names: readonly string[]
  readonly help: string
  readonly value: WantedWords | undefined
}

export interface CommandWords {
  /** The words that lead to it, without `gossum` itself. */
  readonly path: readonly string[]
  readonly help: string
  readonly flags: readonly FlagWords[]
  readonly commands: readonly CommandWords[]
  readonly operand: WantedWords | undefined
}

/** The words of a command and of all its subcommands. */
export function wordsOf(command: Command, path: readonly string[] = []): CommandWords {
  const help = command.createHelp()
  const below = command.commands.map((sub) => wordsOf(sub, [...path, sub.name()]))
  const helps = help.visibleCommands(command).find((sub) => !command.commands.includes(sub))
  const [operand] = command.registeredArguments
  return {
    path,
    help: command.summary() === '' ? command.description() : command.summary(),
    flags: help.visibleOptions(command).map(flagWords),
    commands: helps === undefined ? below : [...below, helpWords(helps, below, path)],
    operand: operand && operandWanted(operand),
  }
}

/** Every command, from the program itself. */
export function everyCommand(root: CommandWords): readonly CommandWords[] {
  return [root, ...root.commands.flatMap(everyCommand)]
}

/** `help` accepts the names of its sibling commands; that of the program also accepts `exit-codes`. */
function helpWords(help: Command, commands: readonly CommandWords[], path: readonly string[]): CommandWords {
  const named = (at: readonly string[], command: CommandWords): CommandWords => {
    const own = [...at, command.path.at(-1)!]
    return {
      ...command,
      path: own,
      flags: [],
      operand: undefined,
      commands: command.commands.map((sub) => named(own, sub)),
    }
  }
  const own = [...path, help.name()]
  const nothing = { flags: [], commands: [], operand: undefined }
  const codes = { ...nothing, path: [...own, 'exit-codes'], help: 'what the exit codes mean' }
  const below = commands.map((command) => named(own, command))
  return { ...nothing, path: own, help: help.description(), commands: path.length === 0 ? [...below, codes] : below }
}

function flagWords({ short, long, description, flags, parseArg, argChoices }: Option): FlagWords {
  const names = [short, long].flatMap((name) => name ?? [])
  const value = /<(.*)>/.exec(flags)?.[1]
  const isRepeated = parseArg === collect
  return { names, help: description, value: value === undefined ? undefined : wanted(value, argChoices, isRepeated) }
}

function operandWanted(operand: Argument): WantedWords {
  return wanted(operand.name(), operand.argChoices, operand.variadic)
}

/** What a placeholder in the help means: `FILE` and the like, or, in lower case, the words themselves. */
function wanted(name: string, choices: readonly string[] | undefined, isRepeated: boolean): WantedWords {
  const parts = name.toUpperCase() === name || name.includes('|') ? name.split('|') : [name.toUpperCase()]
  const given = parts.filter((part) => /^[a-z-]+$/.test(part))
  const words = choices ?? (parts.includes('CODE') ? Object.keys(ERRORS) : given)
  const paths =
    parts.includes('FILE') || parts.includes('FILE...') ? 'files' : parts.includes('DIR') ? 'folders' : undefined
  return { name, words, paths, isRepeated }
}
