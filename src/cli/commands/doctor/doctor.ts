/** `gossum doctor`: checks that a node, its machine and the go command on it do what they should. */
import { readFile, stat } from 'node:fs/promises'
import { Command } from 'commander'
import { configOf, type Config } from '../../../config/config.js'
import { hear } from '../../../config/sources.js'
import { withoutSecrets, GossumError } from '../../../errors.js'
import type { PeerView, StatusView } from '../../../status/shapes.js'
import { fromUtf8 } from '../../../tlog/bytes.js'
import type { CommonFlags } from '../../common-flags.js'
import { EXIT, gravest } from '../../exit.js'
import { readFromNode } from '../../operator-client.js'
import { output } from '../../ui/output.js'
import { problemsIn } from '../config-file.js'
import { fail, ok, diagnosisOf, warn, type Diagnosis } from './diagnosis.js'
import { goFindings } from './go-checks.js'
import { homeFindings } from './home-checks.js'
import { nodeFindings } from './node-checks.js'
import { stateFindings } from './state-checks.js'
import { logFindings, policyFinding, portFindings } from './outside-checks.js'

const LABELS = { ok: ['green', 'OK  '], warn: ['yellow', 'WARN'], fail: ['red', 'FAIL'] } as const

export function command(): Command {
  return new Command('doctor')
    .description('check a node, its machine and the go command, and say what to do about problems')
    .addHelpText(
      'after',
      `
Checks the settings, the home, the keys, the disk, the journal, the node of this home if it runs, its logs and peers, the ports and
go env. It changes nothing. Exit code 0 when all is well, 4 when something is in doubt (WARN), 1 when something does not work
(FAIL), 2 when the settings are wrong, 3 when misbehaviour is proven: the gravest of these.

Examples:
  gossum doctor
  gossum doctor --home /var/lib/gossum --config /etc/gossum.yaml
  gossum doctor --json | jq -c 'select(.state == "fail")'
`,
    )
    .action(async (_options: unknown, self: Command) => {
      process.exitCode = await examine(self.optsWithGlobals<CommonFlags>())
    })
}

/** Returns the exit code. */
async function examine(flags: CommonFlags): Promise<number> {
  const out = output(flags)
  const findings: Diagnosis[] = []
  const tell = (more: readonly Diagnosis[]): void => {
    for (const finding of more) {
      findings.push(finding)
      const { check, state, text, hint } = finding
      const [style, label] = LABELS[state]
      out.json({ check, state, text, hint })
      out.line(`${out.paint(style, label)}  ${check.padEnd(16)}  ${text}`)
      if (hint !== null) out.line(`${' '.repeat(24)}${hint}`)
    }
  }
  tell([versionFinding(process.versions.node)])
  const { config, said } = await settings(flags)
  tell(said)
  if (config !== undefined) await examineNode(config, tell)
  const count = (state: Diagnosis['state']): number => findings.filter((one) => one.state === state).length
  const sums = { ok: count('ok'), warn: count('warn'), fail: count('fail') }
  const exit = gravest(findings.map((one) => one.exit))
  out.json({ checked: findings.length, ...sums, exit })
  out.line(`${findings.length} checks: ${sums.ok} ok, ${sums.warn} warnings, ${sums.fail} failures`)
  return exit
}

async function examineNode(config: Config, tell: (findings: readonly Diagnosis[]) => void): Promise<void> {
  const running = await askNode(config.home)
  tell(await homeFindings(config, running !== undefined))
  tell(await stateFindings(config))
  tell([policyFinding(config)])
  if (running === undefined) tell([warn('node', 'none runs with this home', 'gossum run')])
  else tell(nodeFindings(running.status, running.peers, config.bootstrap.length))
  const followed = config.observer ? [] : config.logs.filter(({ disabled }) => !disabled)
  tell((await Promise.all(followed.map(logFindings))).flat())
  tell(await portFindings(config, running !== undefined))
  tell(await goFindings(process.env, new Map(config.logs.map(({ key }) => [key.name, key]))))
}

/** The settings, and what is wrong with them. */
async function settings({
  home,
  config: file = process.env['GOSSUM_CONFIG'],
}: CommonFlags): Promise<{ config?: Config; said: Diagnosis[] }> {
  try {
    const problems = file ? problemsIn(file, process.env) : []
    if (problems.length > 0) return { said: problems.map(unusable) }
    const config = configOf(hear(home === undefined ? {} : { home }, { file, env: process.env }))
    return {
      config,
      said: file ? [await fileFinding(file)] : [ok('configuration', 'no file: the environment and the defaults')],
    }
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return { said: [unusable(error)] }
  }
}

/** An error in settings that prevents a node from starting, or of the home. */
function unusable(error: GossumError): Diagnosis {
  if (error.code === 'HOME_UNUSABLE') return diagnosisOf('home', error)
  return { ...diagnosisOf('configuration', error), exit: EXIT.refused }
}

/** A file that has passwords in it must be readable by its owner alone. */
async function fileFinding(file: string): Promise<Diagnosis> {
  const text = await readFile(file, 'utf8')
  const { mode } = await stat(file)
  if (withoutSecrets(text) !== text && (mode & 0o044) !== 0)
    return fail('configuration', `${file} has a password in it, and others may read it`, `chmod 600 ${file}`)
  if ((mode & 0o022) !== 0) return fail('configuration', `others may change ${file}`, `chmod go-w ${file}`)
  return ok('configuration', file)
}

/** Asks the node of a home, if it runs. */
async function askNode(home: string): Promise<{ status: StatusView; peers: readonly PeerView[] } | undefined> {
  const read = async <T>(path: string): Promise<T> => JSON.parse(fromUtf8(await readFromNode(home, path)) ?? '') as T
  try {
    const { peers } = await read<{ peers: PeerView[] }>('/api/v1/peers')
    return { status: await read<StatusView>('/api/v1/status'), peers }
  } catch (error) {
    if (error instanceof GossumError) return undefined
    throw error
  }
}

function versionFinding(version: string): Diagnosis {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isFine = major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 20)
  return isFine
    ? ok('Node.js', version)
    : fail('Node.js', `${version} is not supported`, 'use 20.20, 22.12, 24 or later')
}
