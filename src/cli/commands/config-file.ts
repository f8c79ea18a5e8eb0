/**
 * `gossum config init` and `gossum config check`: writes a file of settings to start from, and reports what is wrong
 * with one.
 */
import { open, unlink } from 'node:fs/promises'
import { configOf } from '../../config/config.js'
import { hear, IN_FILES } from '../../config/sources.js'
import { inOrder, MAX_PROBLEMS, PlacedError, problemsOf, readSettingsFile } from '../../config/settings-file.js'
import { settingsTemplate } from '../../config/settings-template.js'
import { errorText, GossumError, HintedError } from '../../errors.js'
import { counted } from '../ui/node-text.js'
import type { CommonFlags } from '../common-flags.js'
import { EXIT } from '../exit.js'
import { output } from '../ui/output.js'

export const INIT_HELP = `
FILE defaults to ./gossum.yaml; - is stdout. An existing file is never overwritten. Only you can read the new file: URLs in it may
have passwords.

Examples:
  gossum config init
  gossum config init /etc/gossum/gossum.yaml && gossum run --config /etc/gossum/gossum.yaml
  gossum config init - | less
`

export const CHECK_HELP = `
FILE defaults to that of --config or $GOSSUM_CONFIG. Every problem is reported with its file, line and column, and a hint.
The environment is taken into account, as by gossum run, but not the flags of gossum run: use gossum config show for those.
Exit code 2 when there is a problem.

Examples:
  gossum config check /etc/gossum/gossum.yaml
  gossum config check gossum.yaml --json | jq -c 'select(.line) | [.line, .message]'
`

/** The file that `config init` writes by default. */
const USUAL_FILE = 'gossum.yaml'

export async function initConfig(named: string | undefined, flags: CommonFlags): Promise<void> {
  const out = output(flags)
  const path = named ?? flags.config ?? USUAL_FILE
  const text = settingsTemplate()
  if (path === '-') return out.raw(text)
  await writeNew(path, text)
  out.json({ file: path })
  out.line(`wrote ${path}: it has every setting, commented out at its default`)
  out.aside(() => `edit it, then: gossum config check ${path}; gossum run --config ${path}`)
}

/** Writes a file that only its owner can read. Throws FILE_UNWRITABLE if it exists. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(text)
    } catch (error) {
      await unlink(path)
      throw error
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new GossumError('FILE_UNWRITABLE', errorText(error), error)
  }
}

/** Checks a file; returns the exit code. */
export function checkConfig(named: string | undefined, flags: CommonFlags): number {
  const out = output(flags)
  const file = named ?? flags.config ?? process.env['GOSSUM_CONFIG']
  if (!file) {
    const error = new GossumError('USAGE', 'no file was named')
    throw new HintedError(error, 'gossum config check FILE; gossum config init makes one')
  }
  const problems = problemsIn(file, process.env)
  for (const problem of problems) {
    const place = problem instanceof PlacedError ? problem.place : { file, line: null, column: null }
    out.json({ ...place, code: problem.code, message: problem.message, hint: problem.hint })
    out.line(`${out.paint('red', 'error')} ${problem.detail}`)
    out.line(`      ${out.paint('dim', 'hint:')} ${problem.hint}`)
  }
  out.json({ file, problems: problems.length })
  out.line(problems.length === 0 ? `${file}: fine` : `${file}: ${counted(problems.length, 'problem')}`)
  return problems.length === 0 ? EXIT.fine : EXIT.refused
}

/** Everything wrong with a file, including conflicts with the environment. Throws FILE_UNREADABLE. */
export function problemsIn(file: string, env: NodeJS.ProcessEnv): GossumError[] {
  const { settings, problems } = readSettingsFile(file, IN_FILES)
  const alone = [...problems, ...settings.flatMap(problemsOf)]
  if (alone.length > 0) return inOrder(alone).slice(0, MAX_PROBLEMS)
  try {
    configOf(hear({}, { file, env }))
    return []
  } catch (error) {
    if (error instanceof GossumError) return [error]
    throw error
  }
}
