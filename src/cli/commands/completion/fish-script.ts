/** The completion script for fish: a line for each command, flag and operand, conditional on the words typed so far. */
import { everyCommand, type CommandWords, type FlagWords, type WantedWords } from './command-words.js'

export function fishScript(root: CommandWords): string {
  const all = everyCommand(root)
  const valued = all.flatMap(({ path, flags }) =>
    flags.filter(({ value }) => value !== undefined).flatMap(({ names }) => names.map((name) => [...path, name])),
  )
  const paths = all.map(({ path }) => path)
  return `# fish completion for gossum, written by "gossum completion fish".
set -g __gossum_paths ${spelled(paths)}
set -g __gossum_valued ${spelled(valued)}

function __gossum_at --description 'whether the words so far lead to this command'
    set -l words (commandline -opc)
    set -e words[1]
    set -l at ''
    set -l is_value no
    for word in $words
        set -l next (string trim -- "$at $word")
        if test $is_value = yes
            set is_value no
        else if contains -- "$next" $__gossum_valued
            set is_value yes
        else if contains -- "$next" $__gossum_paths
            set at $next
        end
    end
    test "$at" = "$argv[1]"
end

complete -c gossum -e
complete -c gossum -f
${all.flatMap(linesOf).join('\n')}
`
}

function linesOf({ path, commands, flags, operand }: CommandWords): string[] {
  const at = `complete -c gossum -n ${quoted(`__gossum_at ${quoted(path.join(' '))}`)}`
  const below = commands.map(({ path, help }) => `${at} -a ${quoted(path.at(-1)!)} -d ${quoted(help)}`)
  const own = flags.map((flag) => `${at} ${flagArguments(flag)}`)
  const operands = operand === undefined ? [] : operandArguments(operand).map((said) => `${at} ${said}`)
  return [...below, ...own, ...operands]
}

function flagArguments({ names, help, value }: FlagWords): string {
  const spelled = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  const takes = value === undefined ? [] : value.paths === 'files' ? ['-r -F'] : ['-x', ...operandArguments(value)]
  return [...spelled, ...takes, `-d ${quoted(help)}`].join(' ')
}

function operandArguments({ words, paths }: WantedWords): string[] {
  if (words.length > 0) return [`-a ${quoted(words.join(' '))}`]
  if (paths === 'files') return ['-F']
  return paths === 'folders' ? [`-a '(__fish_complete_directories)'`] : []
}

function spelled(paths: readonly (readonly string[])[]): string {
  return paths.map((path) => quoted(path.join(' '))).join(' ')
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`
}
