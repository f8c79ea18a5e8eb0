/**
 * THE table of settings: each is defined here and nowhere else. The flags of `gossum run`, the environment, the file,
 * `gossum config show`, the help, docs/operating.md and `Config` are derived from it.
 */
import { parseLogSetting } from '../logs/log-setting.js'
import { ALARM_FIELDS, parseAlarm } from './alarm-setting.js'
import { parseDeposit } from './deposit-setting.js'
import { SUM_GOLANG_ORG, SUM_GOLANG_ORG_URL } from './known-logs.js'
import { parseByteCount, parseDuration, parseMirror, parsePatterns } from './mirror-setting.js'
import { parsePlaceOf } from './places.js'
import { choice, list, perSecond, seconds, textSetting, textOr, toggle, type Setting } from './setting.js'
import { parseStateUrl } from './state-setting.js'
import { CONFIG_FILE, HOME, NODE } from './shared-settings.js'
import {
  parseBastion,
  parseContact,
  parseFolder,
  parseHostPort,
  parseKeyName,
  logListSource,
  parseNetwork,
  readPolicy,
} from './values.js'
import { parseWatch, WATCH_FIELDS } from './watch-setting.js'

/** In descending order of gravity. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const asWritten = (written: string): string => written

/** The settings of a node. */
export const SETTINGS = {
  /** Directory of keys and state. */
  home: HOME,
  /** Each "VKEY URL" or "VKEY URL ORIGIN"; "-" instead of the URL for a log that only pushes its heads. */
  log: list({
    group: 'Logs',
    value: '"VKEY URL [ORIGIN]"',
    help: 'a log to follow; - as URL if it pushes its heads',
    initial: [`${SUM_GOLANG_ORG} ${SUM_GOLANG_ORG_URL}`],
    otherwise: 'sum.golang.org',
    secret: true,
    each: parseLogSetting,
  }),
  /** Log lists (tlog/log-list.ts) whose logs are also followed: URLs, or paths of files. */
  logList: list({
    group: 'Logs',
    value: 'URL|FILE',
    help: 'follow the logs of a log list, read at start and daily; they push their heads',
    secret: true,
    each: logListSource,
  }),
  /** Seconds between two polls of a log, on average. */
  poll: seconds({
    group: 'Logs',
    help: 'time between polls, plus or minus a fifth',
    ...{ least: 0.1, most: 86_400, initial: 60 },
  }),
  /** Multiaddrs to listen on; port 0 takes any free one. Empty: no mesh. */
  listen: list({
    restart: true,
    group: 'Mesh',
    value: 'MULTIADDR',
    help: 'address to listen on for peers',
    initial: ['/ip4/0.0.0.0/tcp/46786'],
    each: asWritten,
  }),
  /** Multiaddrs of peers to stay connected to. */
  bootstrap: list({
    restart: true,
    group: 'Mesh',
    value: 'MULTIADDR',
    help: 'a peer to stay connected to',
    each: asWritten,
  }),
  /** Multiaddrs that peers are told to dial instead of those listened on; empty: the addresses that were detected. */
  announce: list({
    restart: true,
    group: 'Mesh',
    value: 'MULTIADDR',
    help: 'address that peers are told to dial, instead of --listen',
    otherwise: 'detected addresses',
    each: asWritten,
  }),
  /** Whether to look for nodes on the local network by multicast DNS. */
  mdns: toggle({ restart: true, group: 'Mesh', help: 'do not look for nodes on the local network', initial: true }),
  /** HOST:PORT on which the API listens. */
  http: textOr(() => '127.0.0.1:46787', {
    restart: true,
    group: 'API',
    value: 'HOST:PORT',
    help: 'where the API listens; port 0 takes any free one',
    read: parseHostPort,
  }),
  /** Reverse proxies whose statement of the client's address is believed: networks as ADDRESS/BITS, or addresses. */
  trustedProxy: list({
    restart: true,
    group: 'API',
    value: 'CIDR',
    help: 'a reverse proxy whose X-Forwarded-For is believed',
    each: parseNetwork,
  }),
  /** Folder to which everything public is written, for web servers (src/publish); undefined: none. */
  publish: textSetting({
    group: 'API',
    value: 'DIR',
    help: 'write heads, evidence and feeds to this folder, for any web server (docs/public-reads.md)',
    read: parseFolder,
  }),
  /** `https://HOST[:PORT]` of a bastion through which logs can push heads; undefined: none. */
  bastion: textSetting({
    restart: true,
    group: 'API',
    value: 'URL',
    help: 'receive pushed heads through this bastion (docs/witness.md)',
    read: parseBastion,
  }),
  /** Whether the node has no witness key: it follows what others cosign, and signs nothing (witness/step.ts). */
  observer: toggle({
    restart: true,
    group: 'Witness',
    help: 'run without a witness key, sign nothing, and serve heads from gossip that satisfy --policy (docs/observer.md)',
    initial: false,
  }),
  /** Name of a new witness key. */
  name: textSetting({
    restart: true,
    group: 'Witness',
    value: 'KEYNAME',
    help: 'name for a new witness key',
    otherwise: 'random',
    read: parseKeyName,
  }),
  /** How operators of logs can reach the operator of this node. */
  contact: textSetting({
    group: 'Witness',
    value: 'TEXT',
    help: 'how operators of logs can reach you; public, at /api/v1/witness',
    read: parseContact,
  }),
  /** Path of a policy file, or `public`. Undefined: only this node's own cosignature counts. */
  policy: textSetting({
    group: 'Witness',
    value: 'FILE',
    help: 'whose cosignatures count (C2SP tlog-policy); public for the built-in list',
    otherwise: "only this node's",
    read: readPolicy,
  }),
  /** Seconds to wait at the start for peers to report what this key has cosigned before (witness/rollback-guard.ts). */
  guardWait: seconds({
    restart: true,
    group: 'Witness',
    help: 'how long to wait at start for peers to report what this key has signed',
    ...{ least: 0, most: 3600, initial: 30 },
  }),
  /**
   * "K", "required" or "K,required": how many peers must remember what this key cosigns before it does
   * (witness/deposits.ts).
   */
  deposit: textSetting({
    restart: true,
    group: 'Witness',
    value: 'K|required|K,required',
    help: 'how many chosen peers must record what is about to be signed',
    otherwise: 'a majority, not required',
    read: parseDeposit,
  }),
  /** Seconds that a signature waits for these peers. */
  depositWait: seconds({
    restart: true,
    group: 'Witness',
    help: 'how long a signature waits for these peers',
    ...{ least: 0, most: 60, initial: 2 },
  }),
  /** Settles a disagreement between database and guard at start (docs/operating.md). */
  recover: toggle({
    restart: true,
    group: 'Witness',
    help: 'resolve a disagreement of the journal and the database: continue from the larger state (docs/operating.md)',
    initial: false,
    places: ['flag'],
  }),
  /**
   * The PostgreSQL database shared by the machines of one witness key (postgres/); undefined: the state is in the home
   * only.
   */
  state: textSetting({
    restart: true,
    group: 'Witness',
    value: 'postgres://...',
    help: 'share what this key has signed with other machines (docs/two-machines.md)',
    otherwise: 'only the home',
    secret: true,
    read: parseStateUrl,
  }),
  /** Path of the socket of the ssh-agent that may hold the witness key. */
  agentSocket: textSetting({
    restart: true,
    group: 'Witness',
    help: 'socket of the ssh-agent that holds the witness key, if witness.key says so',
    places: ['environment'],
    variable: 'SSH_AUTH_SOCK',
    read: asWritten,
  }),
  /** Whether every record of the followed checksum databases is read and judged (node/auditing.ts). */
  audit: toggle({
    group: 'Audit',
    help: 'read every record of each checksum database in the background, and keep up (docs/operating.md)',
    initial: false,
  }),
  /** Requests per second of all audits together. */
  auditRate: perSecond({
    group: 'Audit',
    help: 'how many requests per second audits and watches make to logs, together',
    ...{ least: 0.1, most: 1000, initial: 10 },
  }),
  /** Each "PATTERNS [authorised=FILE|URL [key=BASE64]]": modules whose new versions are reported (node/watching.ts). */
  watch: list({
    group: 'Audit',
    value: '"PATTERNS [authorised=FILE|URL [key=BASE64]]"',
    help: 'report each new version of these modules (docs/operating.md)',
    fields: WATCH_FIELDS,
    secret: true,
    each: parseWatch,
  }),
  /** Each "URL [format=standard|alertmanager] [secret-file=FILE]": webhooks to which alerts are sent (alerts/). */
  alarm: list({
    group: 'Alarm',
    value: '"URL [format=FORMAT] [secret-file=FILE]"',
    help: 'a webhook that receives alerts, in addition to the hooks in the home (docs/alarm.md)',
    fields: ALARM_FIELDS,
    secret: true,
    each: parseAlarm,
  }),
  /** Each "URL" or "VKEY URL": witnesses to which heads are pushed. */
  feed: list({
    group: 'Exchange',
    value: '"URL" or "VKEY URL"',
    help: 'a witness that receives our heads and cosigns them',
    secret: true,
    each: parsePlaceOf('feed'),
  }),
  /** URLs of distributors of cosigned heads. */
  distributor: list({
    group: 'Exchange',
    value: 'URL',
    help: 'a distributor to read cosigned heads from and publish them to',
    secret: true,
    each: parsePlaceOf('distributor'),
  }),
  /** URLs of gossip endpoints of Source Spotter. */
  sourceSpotter: list({
    group: 'Exchange',
    value: 'URL',
    help: 'a monitor to compare heads with',
    secret: true,
    each: parsePlaceOf('source-spotter'),
  }),
  /** Each "NAME URL", or one URL if there is one log. */
  upstream: list({
    group: 'Go command',
    value: '"NAME URL"',
    help: 'where lookups and tiles for the go command come from',
    otherwise: 'the log',
    secret: true,
    each: asWritten,
  }),
  /** Seconds that lookups of the go command wait for a quorum that covers their record. */
  quorumWait: seconds({
    group: 'Go command',
    help: 'how long lookups of the go command wait for a quorum',
    ...{ least: 0, most: 60, initial: 10 },
  }),
  /** GOPROXY URLs, in the order in which they are asked; none: no mirror (src/mirror). */
  mirror: list({
    group: 'Mirror',
    value: 'URL',
    help: 'serve modules from this GOPROXY at /mod, each checked against the log; several are asked in order (docs/mirror.md)',
    secret: true,
    each: parseMirror,
  }),
  /** Patterns of module paths, in the form of GOPRIVATE; empty: none. */
  private: textOr(() => '', {
    group: 'Mirror',
    value: 'PATTERNS',
    help: 'modules that are never requested upstream, as in GOPRIVATE',
    read: parsePatterns,
  }),
  /** The most bytes kept in `<home>/mirror`. */
  mirrorBytes: textOr(() => '10GiB', {
    group: 'Mirror',
    value: 'BYTES',
    help: 'how much the mirror keeps on disk; the least recently used files are removed first',
    read: parseByteCount,
  }),
  /** Milliseconds; undefined: no cooldown. */
  cooldown: textSetting({
    group: 'Mirror',
    value: 'DURATION',
    help: 'hide versions that the log has had for less than this, such as 7d or 12h',
    read: parseDuration,
  }),
  /** Patterns of module paths that have no cooldown; empty: none. */
  cooldownExcept: textOr(() => '', {
    group: 'Mirror',
    value: 'PATTERNS',
    help: 'modules whose new versions are served at once, as in GOPRIVATE',
    read: parsePatterns,
  }),
  /** What is logged on stderr: messages of this level and graver ones. */
  logLevel: choice({
    group: 'Log output',
    help: 'how much is logged on stderr; gossum log-level changes it in a running node',
    choices: LOG_LEVELS,
    initial: 'info',
  }),
  /** Text for people, or JSON lines for programs. */
  logFormat: choice({
    group: 'Log output',
    help: 'text for people, or a JSON line for each event (docs/operating.md)',
    choices: ['text', 'json'],
    initial: 'text',
    restart: true,
  }),
} as const

type Table = typeof SETTINGS

/** Settings as written: in flags, in the environment, in the file. An absent one is taken from the next source. */
export type Settings = { -readonly [N in keyof Table]?: WritingOf<Table[N]> | undefined }

/** The values of the settings. */
export type Values = { readonly [N in keyof Table]: ReturnType<Table[N]['parse']> }

type WritingOf<S> = S extends Setting<infer W> ? W : never

/** All settings by name, including those that locate the file or a node. */
export const ALL_SETTINGS: Readonly<Record<string, Setting>> = { config: CONFIG_FILE, ...SETTINGS, node: NODE }
