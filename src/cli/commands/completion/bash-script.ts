/** The completion script for bash 4 and newer. */
import { everyCommand, type CommandWords, type WantedWords } from './command-words.js'

/**
 * bash splits words at = and : before it completes. Files and folders are left to readline, which quotes and unquotes
 * them; only after a colon that was typed literally does readline not know where the name began.
 */
const FUNCTION = `_gossum() {
  local commands flags valued words paths cur=\${COMP_WORDS[COMP_CWORD]}
  local at='' flag='' last='' begun='' word found i
  COMPREPLY=()
  _gossum_at ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == [=:]* ]]; then
      flag=$last
      begun=\${begun:+$begun$word}
      [[ $word == '='* ]] && begun=''
      continue
    fi
    [[ \${COMP_WORDS[i - 1]} == :* ]] && begun+=$word || begun=$word
    if [[ -n $flag ]]; then
      last=$flag flag=''
    elif [[ $valued == *" $word "* ]]; then
      last=$word flag=$word
    elif [[ " $commands " == *" $word "* ]]; then
      at=\${at:+$at }$word last=''
      _gossum_at "$at"
    else
      last=''
    fi
  done
  if [[ $cur == [=:]* ]]; then
    [[ $cur == :* ]] && begun+=$cur || begun=''
    flag=$last cur=''
  elif [[ \${COMP_WORDS[COMP_CWORD - 1]} != :* ]]; then
    begun=''
  fi
  if [[ -n $flag ]]; then
    _gossum_value "$at" "$flag"
  elif [[ $cur == -* ]]; then
    words=$flags paths=''
  else
    words="$commands $words"
    [[ -n \${words// /} || -n $paths ]] || words=$flags
  fi
  if [[ -n $begun && -n $paths ]]; then
    compopt -o filenames
    while IFS= read -r found; do COMPREPLY+=("\${found#"$begun"}"); done < <(compgen -f -- "$begun$cur")
    return
  fi
  while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -W "$words" -- "$cur")
  case $paths in
  files) compopt -o default ;;
  folders) compopt -o dirnames ;;
  esac
}
complete -F _gossum gossum
`

export function bashScript(root: CommandWords): string {
  const all = everyCommand(root)
  const places = all.map((command) => `  '${command.path.join(' ')}') ${placeOf(command)} ;;\n`)
  const values = all.flatMap(({ path, flags }) =>
    flags.flatMap(({ names, value }) => {
      const found = value === undefined ? '' : wantedOf(value)
      return found === '' ? [] : names.map((name) => `  '${path.join(' ')} ${name}') ${found} ;;\n`)
    }),
  )
  return `# bash completion for gossum, written by "gossum completion bash".
_gossum_at() {
  commands='' flags='' valued='' words='' paths=''
  case $1 in
${places.join('')}  esac
}
_gossum_value() {
  words='' paths=''
  case "$1 $2" in
${values.join('')}  esac
}
${FUNCTION}`
}

function placeOf({ commands, flags, operand }: CommandWords): string {
  const valued = flags.filter(({ value }) => value !== undefined).flatMap(({ names }) => names)
  const parts = [
    `commands='${commands.map(({ path }) => path.at(-1)).join(' ')}'`,
    `flags='${flags.flatMap(({ names }) => names).join(' ')}'`,
    `valued=' ${valued.join(' ')} '`,
    operand === undefined ? '' : wantedOf(operand),
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function wantedOf({ words, paths }: WantedWords): string {
  const parts = [words.length === 0 ? [] : `words='${words.join(' ')}'`, paths === undefined ? [] : `paths=${paths}`]
  return parts.flat().join(' ')
}
