/**
 * Checks of the go command on this machine: whether it asks a checksum database at all, and can keep what it learnt.
 */
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { attempt } from '../../../errors/attempt.js'
import { errorText, GossumError, withoutSecrets } from '../../../errors.js'
import { parseNote, verifyNote, type VerifierKey } from '../../../tlog/note.js'
import { fail, ok, warn, type Diagnosis } from './diagnosis.js'

/** The variables that are read from `go env`. */
const NAMES = ['GOSUMDB', 'GONOSUMDB', 'GOPRIVATE', 'GOFLAGS', 'GOINSECURE', 'GOPROXY', 'GOPATH', 'GOVERSION'] as const
type GoEnv = Readonly<Partial<Record<(typeof NAMES)[number], string>>>

const TIMEOUT_MS = 10_000
/** Patterns that match every module. */
const EVERYTHING = /(^|,)\s*(\*|\*\*|\*\.\*|\*\/\*)\s*(,|$)/

/** `keys` are those of the known logs, by name. */
export async function goFindings(env: NodeJS.ProcessEnv, keys: ReadonlyMap<string, VerifierKey>): Promise<Diagnosis[]> {
  let said: GoEnv
  try {
    const { stdout } = await promisify(execFile)('go', ['env', '-json', ...NAMES], { env, timeout: TIMEOUT_MS })
    said = JSON.parse(stdout) as GoEnv
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [ok('go command', 'there is none here')]
    return [warn('go command', `go env does not answer: ${errorText(error).split('\n')[0]!}`, 'run go env')]
  }
  return [ok('go command', said.GOVERSION ?? 'an old one'), ...settingFindings(said, env), memoryFinding(said, keys)]
}

/** Settings that switch protection off. */
function settingFindings(said: GoEnv, env: NodeJS.ProcessEnv): Diagnosis[] {
  const { GOSUMDB = '', GONOSUMDB = '', GOPRIVATE = '', GOFLAGS = '', GOINSECURE = '', GOPROXY = '' } = said
  const findings: Diagnosis[] = [
    GOSUMDB === 'off' || GOSUMDB === ''
      ? fail(
          'GOSUMDB',
          'off: no module is checked against a checksum database',
          'go env -u GOSUMDB, or as gossum run prints it',
        )
      : ok('GOSUMDB', withoutSecrets(GOSUMDB)),
  ]
  if (env['GONOSUMCHECK'])
    findings.push(fail('GONOSUMCHECK', 'set: an old go command checks nothing', 'unset GONOSUMCHECK'))
  for (const [name, value] of [
    ['GONOSUMDB', GONOSUMDB],
    ['GOPRIVATE', GOPRIVATE],
  ] as const) {
    if (EVERYTHING.test(value))
      findings.push(
        fail(
          name,
          `${value}: every module is exempt`,
          `name only your own modules: go env -w ${name}=corp.example.com`,
        ),
      )
    else if (value !== '') findings.push(ok(name, `not checked: ${value}`))
  }
  if (/(^|\s)-?-insecure(=true)?(\s|$)/.test(GOFLAGS))
    findings.push(fail('GOFLAGS', `${GOFLAGS}: checks and TLS are skipped`, 'go env -u GOFLAGS'))
  if (EVERYTHING.test(GOINSECURE))
    findings.push(fail('GOINSECURE', `${GOINSECURE}: every module may come without TLS`, 'go env -u GOINSECURE'))
  else if (GOINSECURE !== '') findings.push(warn('GOINSECURE', `without TLS: ${GOINSECURE}`, 'go env -u GOINSECURE'))
  if (/(^|[,|])http:\/\/(?!127\.|localhost|\[::1\])/.test(GOPROXY))
    findings.push(warn('GOPROXY', `${withoutSecrets(GOPROXY)}: over the network without TLS`, 'use https'))
  else findings.push(ok('GOPROXY', withoutSecrets(GOPROXY)))
  return findings
}

/** Where the go command remembers the newest heads that it has seen. */
function memoryFinding({ GOPATH = '', GOSUMDB = '' }: GoEnv, keys: ReadonlyMap<string, VerifierKey>): Diagnosis {
  const dir = join(GOPATH.split(':')[0]!, 'pkg', 'sumdb')
  if (!existsSync(dir)) return ok('go memory', 'it has not verified anything here yet')
  const name = GOSUMDB.split(/[ +]/)[0]!
  const latest = join(dir, name, 'latest')
  for (const path of [dir, join(dir, name), latest].filter((one) => existsSync(one))) {
    try {
      accessSync(path, constants.W_OK | constants.R_OK)
    } catch {
      return fail('go memory', `${path} cannot be written: a fork would not be noticed`, 'chown and chmod it')
    }
  }
  const key = keys.get(name)
  if (!existsSync(latest) || key === undefined) return ok('go memory', dir)
  const bytes = readFileSync(latest)
  if (bytes.length === 0) return ok('go memory', `${latest} is empty`)
  const verified = attempt(() => verifyNote(parseNote(bytes), key))
  return verified instanceof GossumError
    ? fail(
        'go memory',
        `${latest} is not a head of ${name}: ${verified.message}`,
        'keep a copy of it, then see gossum check head --help',
      )
    : ok('go memory', `${latest}; gossum check head compares it`)
}
