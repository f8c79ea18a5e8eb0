/** The completion script for zsh: a function with its own _arguments for each command. */
import { everyCommand, type CommandWords, type FlagWords, type WantedWords } from './command-words.js'

export function zshScript(root: CommandWords): string {
  const functions = everyCommand(root).filter(hasWords).map(functionOf)
  // Autoloaded from a folder of $fpath, it is the function; when sourced, it must be registered.
  return `#compdef gossum
# zsh completion for gossum, written by "gossum completion zsh".
${functions.join('')}
if [ "$funcstack[1]" = _gossum ]; then
  _gossum "$@"
else
  compdef _gossum gossum
fi
`
}

function functionOf({ path, flags, commands, operand }: CommandWords): string {
  const specs = [
    ...flags.flatMap(flagSpecs),
    ...(operand === undefined ? [] : [quoted(`${operand.isRepeated ? '*' : '1'}:${valueSpec(operand)}`)]),
    ...(commands.length === 0 ? [] : [`'1: :->command'`, `'*:: :->rest'`]),
  ]
  const spelled = specs.map((spec) => ` \\\n    ${spec}`).join('')
  const name = nameOf(path)
  if (commands.length === 0) return `${name}() {\n  _arguments -s -S${spelled}\n}\n`
  const lines = commands.map(({ path, help }) => `    ${quoted(`${path.at(-1)}:${help}`)}\n`)
  const below = commands.filter(hasWords).map(({ path }) => `    ${path.at(-1)}) ${nameOf(path)} ;;\n`)
  return `${name}() {
  local line state curcontext="$curcontext"
  local -a commands=(
${lines.join('')}  )
  _arguments -C -s -S${spelled}
  case $state in
  command) _describe -t commands command commands ;;
  rest)
    case $line[1] in
${below.join('')}    esac ;;
  esac
}
`
}

function hasWords({ flags, commands, operand }: CommandWords): boolean {
  return flags.length > 0 || commands.length > 0 || operand !== undefined
}

function nameOf(path: readonly string[]): string {
  return ['_gossum', ...path].join('_').replaceAll(/[^a-z_]/g, '_')
}

/** A specification for each name; the names of a flag that is not repeatable exclude each other. */
function flagSpecs({ names, help, value }: FlagWords): string[] {
  const before = value?.isRepeated === true ? '*' : names.length > 1 ? `(${names.join(' ')})` : ''
  return names.map((name) => {
    const behind = value === undefined ? '' : name.startsWith('--') ? '=' : '+'
    return quoted(`${before}${name}${behind}[${escaped(help)}]${value === undefined ? '' : `:${valueSpec(value)}`}`)
  })
}

function valueSpec({ name, words, paths }: WantedWords): string {
  const action = paths === 'files' ? '_files' : paths === 'folders' ? '_files -/' : ' '
  return `${escaped(name)}:${words.length > 0 ? `(${words.join(' ')})` : action}`
}

function escaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, '\\$&')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
