/** `gossum run`: runs a node until it is told to stop. */
import { setFlagsFromString } from 'node:v8'
import { Command } from 'commander'
import { loadConfig, type Config } from '../../config/config.js'
import { isDefaultHome } from '../../config/user-home.js'
import type { NodeEvent } from '../../node/events.js'
import { ServiceLog } from '../service-log.js'
import { lostOutput } from '../ui/lost-reader.js'
import { withoutSecrets } from '../../errors.js'
import { askable, goSumDb, isSumDb } from '../../status/go-setting.js'
import type { LogView } from '../../status/shapes.js'
import { createNode, type GossumNode } from '../../node/node.js'
import { policyStrength } from '../../tlog/policy-strength.js'
import { quorumThreshold } from '../../tlog/policy.js'
import { keepAnew } from '../beginning-anew.js'
import { nodeFlag } from '../node-client.js'
import { goEnv, writtenGoEnv } from '../go-env.js'
import { declareSettings, settingsOf, type SettingFlags } from '../setting-flags.js'
import { afterEvidence, afterSuspect, type Flags } from '../ui/event-text.js'
import { Supervisor } from '../supervisor.js'
import { output, type Output } from '../ui/output.js'
import { grouped, span } from '../../lib/words.js'
import { VERSION } from '../../version.js'

/** The value of GOSUMDB when it is unset. */
const DEFAULT_GOSUMDB = 'sum.golang.org'

/** Milliseconds that an orderly stop may take before the process is ended. */
const STOP_TIMEOUT_MS = 5_000

export function command(): Command {
  const run = new Command('run').description('run a node: follow the log, prove, cosign, gossip')
  return declareSettings(run)
    .addHelpText(
      'after',
      `
Examples:
  gossum run                                    follow sum.golang.org with everything at its default
  gossum run --bootstrap /dns4/example.org/tcp/46786/p2p/12D3KooW...
  gossum run --log "VKEY http://127.0.0.1:46788" --http 127.0.0.1:0 --json
  gossum run --policy public --distributor https://api.transparency.dev
  gossum run --feed "VKEY https://witness.example.org" --policy FILE    (docs/exchange.md)
  gossum run --log "VKEY URL ORIGIN"            a log that is not a checksum database (c2sp.org/tlog-tiles)
  gossum run --log "VKEY -"                     cosign what this log pushes to /add-checkpoint (docs/witness.md)
  gossum run --log-list https://example.org/log-list.1
  gossum run --audit                            also read every record; with gossum key new --auditor, cosign what was read
  gossum run --mirror https://goproxy.example.com    a GOPROXY at /mod that serves nothing the log does not know (docs/mirror.md)
  gossum run --mirror URL --cooldown 7d --private "corp.example.com/*"
  gossum run --config gossum.yaml               settings in a file: gossum config init writes one; gossum reload applies changes
  gossum run --observer --policy FILE --bootstrap ADDRESS    no key and no poll: serve what gossip brings (docs/observer.md)
  gossum run --log-format json --log-level warn
  gossum run --trusted-proxy 127.0.0.1          behind a reverse proxy on this machine (docs/operating.md)
  gossum run --bootstrap ADDRESS --bootstrap ADDRESS --bootstrap ADDRESS --deposit 2,required    (docs/operating.md)

A witness key that was imported from an ssh-agent is used through the agent at $SSH_AUTH_SOCK (gossum key import --help).
`,
    )
    .action(async (_options: SettingFlags, self: Command) => runNode(self.optsWithGlobals<SettingFlags>()))
}

async function runNode(flags: SettingFlags): Promise<void> {
  // By default the young generation grows to 32 MB under any load, and hardly shrinks: that suits programs that
  // compute.
  setFlagsFromString('--semi-space-growth-factor=1')
  const out = output(flags)
  const reread = (): Config => loadConfig(settingsOf(flags), { file: flags.config })
  let config = reread()
  const homeFlag = homeFlagFor(config)
  const log = await openLog(config, out)

  // Events during the start are held back: the ready line is promised to be the first.
  const early: NodeEvent[] = []
  let ready = false
  const show = (event: NodeEvent): void => {
    out.json(event)
    const hasPolicy = config.policy !== undefined
    log.event(event, { logs: node.logs, hasPolicy, nodeFlag: nodeFlag(node.http), homeFlag, own: node.witness })
  }
  const controls = {
    reread,
    log,
    onRequest: (route: string, status: number) => log.request(route, status),
    onReload: (taken: Config) => {
      // A level set at run time remains until the setting itself changes.
      if (taken.logLevel !== config.logLevel) log.level = taken.logLevel
      config = taken
    },
  }
  const supervisor = Supervisor.of({ env: process.env, talk: (text) => log.warn(text, { event: 'supervisor' }) })
  // Our parent may tell us to stop, or exit, before we are ready.
  const told = toldToStop()
  let started = undefined as GossumNode | undefined
  // The result is an event. A signal that arrives before there is a node to reload is ignored.
  process.on('SIGHUP', () => void (started && reloaded(started, supervisor)))
  const make = (): Promise<GossumNode> =>
    createNode(config, (event) => (ready ? show(event) : early.push(event)), controls)
  let node = await out.progress('starting', make())
  started = node
  try {
    if (out.isJson) out.json(await readyLine(node, config))
    else await introduce(node, config, out)
    for (const line of publicTexts(config)) out.talk(line, { important: true })
    supervisor?.ready(() => node.view.pulse())
    log.say('info', 'ready', { event: 'ready', witness: node.witness ?? null, http: node.http, version: VERSION })
    ready = true
    early.forEach(show)
    await keepAnew(node, make, told, (next) => (started = node = next))
    log.say('info', 'stopping', { event: 'stopping' })
  } finally {
    // However it ended, nothing keeps running.
    await supervisor?.stopping()
    await stop(node)
  }
  log.end()
}

/** Applies the current settings, and informs the supervisor. */
async function reloaded(node: GossumNode, supervisor: Supervisor | undefined): Promise<void> {
  supervisor?.reloading()
  await node.reread().catch(() => undefined)
  supervisor?.ready(() => node.view.pulse())
}

/** The log on stderr. The one for programs is loaded only when it is used. */
async function openLog({ logLevel, logFormat }: Config, out: Output): Promise<ServiceLog> {
  const json = logFormat === 'json' ? (await import('../json-log.js')).openJsonLog(lostOutput('stderr')) : undefined
  return new ServiceLog({ level: logLevel, out, json })
}

async function readyLine(node: GossumNode, config: Config): Promise<object> {
  const { logs } = await node.view.status()
  return {
    ready: true,
    witness: node.witness ?? null,
    peerId: node.peerId ?? null,
    multiaddrs: node.multiaddrs,
    http: node.http,
    goproxy: config.mirror.length === 0 ? null : goProxy(node.http, config),
    observer: config.observer,
    logs: logs.map((log) => ({
      id: log.id,
      name: log.name,
      size: log.size,
      gosumdb: isSumDb(log) ? goSumDb(log, node.http) : null,
    })),
  }
}

async function introduce(node: GossumNode, config: Config, out: Output): Promise<void> {
  const { logs, guard, deposit, clock, bastion } = await node.view.status()
  const sumdbs = logs.filter(isSumDb)
  const flags = { nodeFlag: nodeFlag(node.http), homeFlag: homeFlagFor(config) }
  const lines = [
    ['witness', node.witness ?? 'none: an observer, which signs nothing'],
    ...reachableFirst(node.multiaddrs).map((address, i) => [i === 0 ? 'peers dial' : '', address]),
    ['api', node.http],
    ...(bastion === null ? [] : [['bastion', bastion.url]]),
    ['home', config.home],
    ...logs.map((log) => [
      'log',
      `${log.name}  ${log.disabled ? 'disabled' : (log.url ?? 'pushes its heads')}  ${log.size === 0 ? 'no head yet' : `size ${grouped(log.size)}`}`,
    ]),
    ...sumdbs.map((log) => ['go', `go env -w GOSUMDB="${goSumDb(log, node.http)}"`]),
    ...(sumdbs.length === 0 ? [] : [['undo', undoLine(node.http)]]),
    ...(config.mirror.length === 0 ? [] : mirrorTexts(node.http, config)),
    ['policy', policyText(config, node.witness)],
    ...meshTexts(config).map((text) => ['mesh', text]),
    ...config.places.map(({ kind, name }) => [kind === 'source-spotter' ? 'spotter' : kind, name]),
    ...(config.observer
      ? []
      : [
          ['guard', guard.text],
          ['deposits', deposit.text],
        ]),
    ...clock.map(({ text }) => ['CLOCK', text]),
    ...logs.flatMap((log) =>
      log.paused === null
        ? []
        : [['PAUSED', `${log.name}: ${log.paused}; nothing is signed (docs/operating.md, "Reading the status")`]],
    ),
    ...logs.flatMap((log) => frozenTexts(log, flags).map((text) => ['FROZEN', text])),
  ]
  for (const [label, text] of lines) out.line(`${label!.padEnd(11)}${text!}`)
}

/** The command that restores the user's own setting of GOSUMDB, unless that is this node already. */
function undoLine(http: string): string {
  const set = goEnv('GOSUMDB', { ...process.env, GOSUMDB: undefined })
  if (set === undefined || set === DEFAULT_GOSUMDB || set.includes(askable(http))) return 'go env -u GOSUMDB'
  if (withoutSecrets(set) !== set) return 'go env -w GOSUMDB=... as it is now: go env GOSUMDB (it has a password)'
  return `go env -w GOSUMDB="${set}"`
}

/** GOPROXY for this node as a mirror. Modules that are private to the mirror must be fetched elsewhere. */
export function goProxy(http: string, { private: patterns }: Pick<Config, 'private'>): string {
  return `${askable(http)}/mod${patterns === '' ? '' : ',direct'}`
}

/** How modules come through this node, how to undo that, and from where the node gets them. */
function mirrorTexts(http: string, config: Config): string[][] {
  return [
    ['go', `go env -w GOPROXY=${goProxy(http, config)}`],
    ['undo', undoProxyLine(http)],
    ...config.mirror.map((url) => ['mirror', url]),
    ...(config.cooldown === undefined
      ? []
      : [['cooldown', `${span(config.cooldown / 1000)} from the first quorum head that covers a version`]]),
  ]
}

/** The command that restores the user's own setting of GOPROXY, unless that is this node already. */
export function undoProxyLine(http: string, env: NodeJS.ProcessEnv = process.env): string {
  const set = writtenGoEnv('GOPROXY', env)
  if (!set || set.includes(`${askable(http)}/mod`)) return 'go env -u GOPROXY'
  if (withoutSecrets(set) !== set) return 'go env -w GOPROXY=... as it is now: go env GOPROXY (it has a password)'
  return `go env -w GOPROXY="${set}"`
}

/** Addresses that other machines can dial come first. */
function reachableFirst(addresses: readonly string[]): string[] {
  const isLoopback = (address: string): boolean => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)
  return [...addresses].sort((a, b) => Number(isLoopback(a)) - Number(isLoopback(b)))
}

/** Whose cosignatures make a quorum. */
export function policyText({ policy }: Pick<Config, 'policy'>, own: string | undefined): string {
  if (policy === undefined) return "none: only this node's own cosignature counts (--policy FILE)"
  const need = `${quorumThreshold(policy)} of ${policy.witnesses.length} witnesses needed`
  const isListed = policy.witnesses.some(({ key }) => key?.vkey === own)
  const { liars } = policyStrength(policy)
  const weak = liars > 0 ? '' : '; a single lying witness is enough for two histories (gossum policy check)'
  return `${need}${weak}${isListed || own === undefined ? '' : '; this node is not one of them (a monitor)'}`
}

/** What the mesh lacks. */
export function meshTexts({ listen, bootstrap }: Pick<Config, 'listen' | 'bootstrap'>): string[] {
  if (listen.length > 0)
    return bootstrap.length > 0 ? [] : ['no peers configured: others may dial in, or use --bootstrap']
  return bootstrap.length > 0
    ? ['no --listen: dials its bootstrap peers; no peer can dial in']
    : ['off: no --listen and no --bootstrap']
}

/** The flag with which commands find the home of the node. */
function homeFlagFor({ home }: Config): string {
  const path = /^[\w./-]+$/.test(home) ? home : `'${home.replaceAll("'", "'\\''")}'`
  return isDefaultHome(home) ? '' : ` --home ${path}`
}

/** What an API that other machines can reach exposes and accepts. */
export function publicTexts({ http: { host, port }, home }: Pick<Config, 'http' | 'home'>): string[] {
  if (/^(127\.|::1$|localhost$)/i.test(host)) return []
  return [
    `! --http ${host}:${port} is open to everyone who can reach it, without TLS: what this node sees (status, heads, evidence, metrics),`,
    `  the addresses of its peers, lookups for the go command, and the submission of heads and evidence. What only the`,
    `  operator may do is available only at ${home}/operator.sock. docs/operating.md, "Ports", says what to forward.`,
  ]
}

/** One text for each unacknowledged reason for which a log is frozen. */
function frozenTexts({ name, holds, suspects }: LogView, flags: Flags): string[] {
  return holds
    .filter((hold) => !hold.acked)
    .map(({ id }) => {
      const after = suspects.some((suspect) => suspect.id === id) ? afterSuspect : afterEvidence
      return `${name} was proven to misbehave: nothing more of it is signed. ${after(id, flags)}`
    })
}

/** Waits for a signal, or for the end of the parent, if it started us with a channel. */
function toldToStop(): Promise<void> {
  return new Promise<void>((resolve) => {
    const onSignal = (): void => {
      // A second one ends the process at once.
      process.once('SIGINT', () => process.exit(1))
      process.once('SIGTERM', () => process.exit(1))
      resolve()
    }
    process.once('SIGINT', onSignal)
    process.once('SIGTERM', onSignal)
    if (process.connected) process.once('disconnect', resolve)
  })
}

/** Stops the node in order; if that fails, the process ends anyway. */
async function stop(node: GossumNode): Promise<void> {
  const deadline = setTimeout(() => process.exit(1), STOP_TIMEOUT_MS)
  deadline.unref()
  await node.stop()
  clearTimeout(deadline)
  if (process.connected) process.disconnect()
}
