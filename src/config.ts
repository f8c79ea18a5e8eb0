/**
 * The configuration of a node: flags > GOSSUM_* environment > YAML file > defaults, in one frozen and validated
 * object. Everything that can be wrong with it is found here, with words that name the setting.
 */
import { isIP } from 'node:net'
import { isAbsolute, join, resolve } from 'node:path'
import { SUM_GOLANG_ORG, SUM_GOLANG_ORG_URL } from './builtin.js'
import { invalid, readEnvironment, readSettings, readText, spelled, type Settings } from './config/sources.js'
import { userHome } from './config/user-home.js'
import { GossumError, HintedError } from './errors.js'
import { parseDeposit, type DepositSetting } from './deposit-setting.js'
import { readBook, withBook } from './logs/followed-logs.js'
import {
  distinct,
  requireRoomForLogs,
  parseUrl,
  parseLogSetting,
  withUpstreams,
  type LogSetting,
} from './logs/setting.js'
import { cosignatureLineSize } from './tlog/cosignature.js'
import { isKeyName } from './tlog/note.js'
import { PUBLIC, PUBLIC_POLICY } from './public-policy.js'
import { parsePolicy, type Policy } from './tlog/policy.js'
import { parsePlaces, type PlaceSetting } from './places.js'
import { printable } from './lib/printable.js'

export { parseLogSetting, SUM_GOLANG_ORG, type LogSetting, type Settings }

export interface Config {
  /** Directory of keys and state. */
  readonly home: string
  readonly logs: readonly LogSetting[]
  /** Log lists (tlog/log-list.ts) whose logs are followed, too: URLs, or paths of files. */
  readonly logLists: readonly string[]
  /** Multiaddrs to listen on; port 0 takes any free one. Empty: no mesh. */
  readonly listen: readonly string[]
  /** Multiaddrs of peers to stay connected to. */
  readonly bootstrap: readonly string[]
  readonly http: { readonly host: string; readonly port: number }
  /** Reverse proxies that are believed about whom they speak for: networks as ADDRESS/BITS, or addresses. */
  readonly trustedProxies: readonly string[]
  /** Multiaddrs that peers are told to dial instead of the ones listened on; empty: what was found out. */
  readonly announce: readonly string[]
  /** Whether nodes on the same local network are found by multicast DNS. */
  readonly mdns: boolean
  /** Seconds between two polls of a log, on average. */
  readonly poll: number
  /** Seconds to wait at start for peers that say what this key has cosigned before (witness/rollback-guard.ts). */
  readonly guardWait: number
  /** Who is to remember what this key cosigns before it does (witness/deposits.ts). */
  readonly deposit: DepositSetting
  /** Seconds that a signature waits for them. */
  readonly depositWait: number
  /** Seconds that the go command's lookups wait for a quorum that covers their record. */
  readonly quorumWait: number
  /** Where heads and cosignatures are exchanged outside the mesh. */
  readonly places: readonly PlaceSetting[]
  /** `https://HOST[:PORT]` of a bastion to serve logs through that push; undefined: none. */
  readonly bastion: string | undefined
  /** Undefined: only this node's own cosignature counts. */
  readonly policy: Policy | undefined
  /** Name of the witness key, used when the key is made. */
  readonly name: string | undefined
  /** How to reach who runs this node, for whoever runs a log. */
  readonly contact: string | undefined
  /** Where the ssh-agent is that may hold the witness key ($SSH_AUTH_SOCK). */
  readonly agentSocket: string | undefined
  /** Settles a disagreement between database and guard at start (docs/operating.md). */
  readonly recover: boolean
}

const DEFAULTS = {
  log: [`${SUM_GOLANG_ORG} ${SUM_GOLANG_ORG_URL}`],
  logList: [],
  listen: ['/ip4/0.0.0.0/tcp/46786'],
  bootstrap: [],
  announce: [],
  mdns: true,
  http: '127.0.0.1:46787',
  trustedProxy: [],
  poll: 60,
  guardWait: 30,
  depositWait: 2,
  upstream: [],
  quorumWait: 10,
  feed: [],
  distributor: [],
  sourceSpotter: [],
} satisfies Settings

/** Bounds of the settings that are numbers, in seconds. */
const SECONDS = {
  poll: { least: 0.1, most: 86_400 },
  guardWait: { least: 0, most: 3600 },
  depositWait: { least: 0, most: 60 },
  quorumWait: { least: 0, most: 60 },
}
/** Witnesses whose cosignatures one policy may count. */
const MAX_WITNESSES = 90
/** Bytes that their lines may take: of a message of 64 KiB what the log, our own lines and those for neighbours leave. */
const MAX_COUNTED_BYTES = 33 * 1024
/** The longest contact, in UTF-16 code units. */
const MAX_CONTACT = 200
/** Logs, addresses and bootstrap peers that the settings of one node may have. */
const MAX_LIST = 64

/**
 * The XDG data home; as that specification says, an empty or relative setting counts as none. Throws HOME_UNUSABLE for a user who
 * has none.
 */
export function dataHome(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_DATA_HOME']
  if (xdg && isAbsolute(xdg)) return xdg
  const home = userHome(env)
  if (home !== undefined) return join(home, '.local', 'share')
  const error = new GossumError('HOME_UNUSABLE', 'this user has no home directory, and HOME is not set')
  throw new HintedError(error, 'say where keys and state are to live: --home DIR, or GOSSUM_HOME')
}

/** Where keys and state live unless --home says otherwise: $GOSSUM_HOME, else the data home. Throws HOME_UNUSABLE. */
export function defaultHome(env: NodeJS.ProcessEnv = process.env): string {
  return env['GOSSUM_HOME'] ? resolve(env['GOSSUM_HOME']) : join(dataHome(env), 'gossum')
}

/**
 * Builds the configuration. Throws CONFIG_INVALID, HOME_UNUSABLE, KEY_* or POLICY_MALFORMED naming what is wrong. With `policy: false`
 * the policy file is not read, and with `book: false` neither are the logs of the home: for those who need only where
 * things are.
 */
export function loadConfig(
  flags: Settings,
  options: { file?: string; env?: NodeJS.ProcessEnv; policy?: boolean; book?: boolean } = {},
): Config {
  const env = options.env ?? process.env
  const file = options.file ?? env['GOSSUM_CONFIG']
  const merged = {
    ...DEFAULTS,
    ...defined(file ? readSettings(file) : {}),
    ...defined(readEnvironment(env)),
    ...defined(flags),
  }
  const home = resolve(merged.home ?? defaultHome(env))
  const set = bounded('log', merged.log).map(parseLogSetting)
  if (set.length === 0) throw invalid('log', 'there is none to follow')
  const logs = withBook(distinct(set), merged.log === DEFAULTS.log, options.book === false ? [] : readBook(home))
  requireRoomForLogs(logs)
  return Object.freeze({
    home,
    logs: Object.freeze(withUpstreams(logs, bounded('upstream', merged.upstream))),
    logLists: Object.freeze(bounded('log-list', merged.logList).map(parseLogListSetting)),
    listen: Object.freeze(bounded('listen', merged.listen)),
    bootstrap: Object.freeze(bounded('bootstrap', merged.bootstrap)),
    http: Object.freeze(parseHostPort('http', merged.http)),
    trustedProxies: Object.freeze(bounded('trusted-proxy', merged.trustedProxy).map(parseNetwork)),
    announce: Object.freeze(bounded('announce', merged.announce)),
    mdns: merged.mdns,
    poll: parseSeconds('poll', merged),
    guardWait: parseSeconds('guardWait', merged),
    deposit: Object.freeze(parseDeposit(merged.deposit, { ...merged, most: MAX_LIST })),
    depositWait: parseSeconds('depositWait', merged),
    quorumWait: parseSeconds('quorumWait', merged),
    places: Object.freeze(
      parsePlaces({
        feed: bounded('feed', merged.feed),
        distributor: bounded('distributor', merged.distributor),
        'source-spotter': bounded('source-spotter', merged.sourceSpotter),
      }),
    ),
    bastion: merged.bastion === undefined ? undefined : parseBastion(merged.bastion),
    policy:
      merged.policy === undefined || options.policy === false
        ? undefined
        : countable(parsePolicy(merged.policy === PUBLIC ? PUBLIC_POLICY : readText(merged.policy))),
    name: merged.name === undefined ? undefined : parseKeyName(merged.name),
    contact: merged.contact === undefined ? undefined : parseContact(merged.contact),
    agentSocket: env['SSH_AUTH_SOCK'],
    recover: merged.recover ?? false,
  })
}

type Defined = { [Name in keyof Settings]: Exclude<Settings[Name], undefined> }

function defined(settings: Settings): Defined {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

// ---- the values ------------------------------------------------------------------------------------------------

function bounded<T>(name: string, list: readonly T[]): T[] {
  if (list.length > MAX_LIST) throw invalid(name, `more than ${MAX_LIST}`)
  return [...list]
}

/** A bastion is reached by TLS alone, and knows its backends by the first part of the path. */
function parseBastion(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (
    parsed?.protocol !== 'https:' ||
    parsed.pathname !== '/' ||
    parsed.username + parsed.password + parsed.search !== ''
  )
    throw invalid('bastion', `"https://HOST[:PORT]" expected, got ${JSON.stringify(url)}`)
  return parsed.origin
}

/** A URL with the name of a file in its path, or the path of a file. */
function parseLogListSetting(text: string): string {
  if (!/^https?:/.test(text)) return resolve(text)
  const url = parseUrl('log-list', text)
  if (!/^https?:\/\/[^/]+\/./.test(url)) throw invalid('log-list', `${JSON.stringify(text)} does not name a file`)
  return url
}

/** HOST:PORT, with an IPv6 host in brackets. Port 0 takes any free one. */
export function parseHostPort(setting: string, text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw invalid(setting, `HOST:PORT expected, got ${JSON.stringify(text)}`)
  return { host: (match[1] ?? match[2])!, port }
}

/** ADDRESS or ADDRESS/BITS. */
function parseNetwork(text: string): string {
  const [, address, bits] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address ?? '')]!
  if (Number(bits ?? 0) > most)
    throw invalid('trusted-proxy', `ADDRESS or ADDRESS/BITS expected, got ${JSON.stringify(text)}`)
  return text
}

function parseKeyName(name: string): string {
  if (!isKeyName(name)) throw invalid('name', `${JSON.stringify(name)}: a key name has no white space and no "+"`)
  return name
}

/** One line for everybody to read. */
function parseContact(text: string): string {
  const contact = text.trim()
  if (contact === '' || contact.length > MAX_CONTACT || contact !== printable(contact))
    throw invalid('contact', `one line of 1 to ${MAX_CONTACT} characters expected`)
  return contact
}

/** A note has at most 100 signature lines, and a head carries one by each witness that counts. */
function countable(policy: Policy): Policy {
  const keys = policy.witnesses.flatMap(({ key }) => key ?? [])
  if (keys.length > MAX_WITNESSES)
    throw invalid('policy', `${keys.length} witnesses, where a head has room for ${MAX_WITNESSES}`)
  const bytes = keys.reduce((sum, key) => sum + cosignatureLineSize(key), 0)
  if (bytes > MAX_COUNTED_BYTES)
    throw invalid('policy', `its cosignatures take ${bytes} bytes, where a head has room for ${MAX_COUNTED_BYTES}`)
  return policy
}

function parseSeconds<Name extends keyof typeof SECONDS>(name: Name, settings: Record<Name, number>): number {
  const { least, most } = SECONDS[name]
  const value = settings[name]
  if (!(value >= least && value <= most)) throw invalid(spelled(name, '-'), `seconds from ${least} to ${most} expected`)
  return value
}
