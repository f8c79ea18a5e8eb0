/**
 * THE table of settings: each is written here, and nowhere else. The flags of `gossum run`, the environment, the file,
 * `gossum config show`, the help, docs/operating.md and `Config` are made from it.
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

/** From the gravest. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const asWritten = (written: string): string => written

/** The settings of a node. */
export const SETTINGS = {
  /** Directory of keys and state. */
  home: HOME,
  /** "VKEY URL" or "VKEY URL ORIGIN" each; "-" in place of the URL for a log that is only pushed. */
  log: list({
    group: 'Logs',
    value: '"VKEY URL [ORIGIN]"',
    help: 'a log to follow; URL - for one that pushes',
    initial: [`${SUM_GOLANG_ORG} ${SUM_GOLANG_ORG_URL}`],
    otherwise: 'sum.golang.org',
    secret: true,
    each: parseLogSetting,
  }),
  /** Log lists (tlog/log-list.ts) whose logs are followed, too: URLs, or paths of files. */
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
    help: 'time between polls, give or take a fifth',
    ...{ least: 0.1, most: 86_400, initial: 60 },
  }),
  /** Multiaddrs to listen on; port 0 takes any free one. Empty: no mesh. */
  listen: list({
    restart: true,
    group: 'Mesh',
    value: 'MULTIADDR',
    help: 'where peers reach us',
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
  /** Multiaddrs that peers are told to dial instead of the ones listened on; empty: what was found out. */
  announce: list({
    restart: true,
    group: 'Mesh',
    value: 'MULTIADDR',
    help: 'what peers are told to dial, instead of --listen',
    otherwise: 'what is detected',
    each: asWritten,
  }),
  /** Whether nodes on the same local network are found by multicast DNS. */
  mdns: toggle({ restart: true, group: 'Mesh', help: 'do not look for nodes on the local network', initial: true }),
  /** HOST:PORT where the API listens. */
  http: textOr(() => '127.0.0.1:46787', {
    restart: true,
    group: 'API',
    value: 'HOST:PORT',
    help: 'where the API listens; port 0 takes any free one',
    read: parseHostPort,
  }),
  /** Reverse proxies that are believed about whom they speak for: networks as ADDRESS/BITS, or addresses. */
  trustedProxy: list({
    restart: true,
    group: 'API',
    value: 'CIDR',
    help: 'a reverse proxy whose X-Forwarded-For is believed',
    each: parseNetwork,
  }),
  /** Folder that what is public is written to, for web servers (src/publish); undefined: none. */
  publish: textSetting({
    group: 'API',
    value: 'DIR',
    help: 'write heads, evidence and feeds to this folder, for any web server (docs/public-reads.md)',
    read: parseFolder,
  }),
  /** `https://HOST[:PORT]` of a bastion to serve logs through that push; undefined: none. */
  bastion: textSetting({
    restart: true,
    group: 'API',
    value: 'URL',
    help: 'take pushed heads through this bastion (docs/witness.md)',
    read: parseBastion,
  }),
  /** Whether the node has no witness key: it follows what others cosign, and signs nothing (witness/step.ts). */
  observer: toggle({
    restart: true,
    group: 'Witness',
    help: 'have no witness key and sign nothing: serve what gossip brings, by --policy (docs/observer.md)',
    initial: false,
  }),
  /** Name of the witness key, used when the key is made. */
  name: textSetting({
    restart: true,
    group: 'Witness',
    value: 'KEYNAME',
    help: 'name for a new witness key',
    otherwise: 'random',
    read: parseKeyName,
  }),
  /** How to reach who runs this node, for whoever runs a log. */
  contact: textSetting({
    group: 'Witness',
    value: 'TEXT',
    help: 'how operators of logs reach you; everybody can read it at /api/v1/witness',
    read: parseContact,
  }),
  /** Path of a policy file, or `public`. Undefined: only this node's own cosignature counts. */
  policy: textSetting({
    group: 'Witness',
    value: 'FILE',
    help: 'whose cosignatures count (C2SP tlog-policy); public for the built-in list',
    otherwise: "this node's alone",
    read: readPolicy,
  }),
  /** Seconds to wait at start for peers that say what this key has cosigned before (witness/rollback-guard.ts). */
  guardWait: seconds({
    restart: true,
    group: 'Witness',
    help: 'wait this long at start for peers to say what this key has signed',
    ...{ least: 0, most: 3600, initial: 30 },
  }),
  /** "K", "required" or "K,required": who is to remember what this key cosigns before it does (witness/deposits.ts). */
  deposit: textSetting({
    restart: true,
    group: 'Witness',
    value: 'K|required|K,required',
    help: 'how many chosen peers must record what is about to be signed',
    otherwise: 'a majority, not required',
    read: parseDeposit,
  }),
  /** Seconds that a signature waits for them. */
  depositWait: seconds({
    restart: true,
    group: 'Witness',
    help: 'how long a signature waits for them',
    ...{ least: 0, most: 60, initial: 2 },
  }),
  /** Settles a disagreement between database and guard at start (docs/operating.md). */
  recover: toggle({
    restart: true,
    group: 'Witness',
    help: 'go on although the journal and the database disagree (docs/operating.md)',
    initial: false,
    places: ['flag'],
  }),
  /** The PostgreSQL database that machines with one witness key share (postgres/); undefined: the home alone. */
  state: textSetting({
    restart: true,
    group: 'Witness',
    value: 'postgres://...',
    help: 'share what this key has signed with other machines (docs/two-machines.md)',
    otherwise: 'the home alone',
    secret: true,
    read: parseStateUrl,
  }),
  /** Where the ssh-agent is that may hold the witness key. */
  agentSocket: textSetting({
    restart: true,
    group: 'Witness',
    help: 'the ssh-agent that holds the witness key, when witness.key names it',
    places: ['environment'],
    variable: 'SSH_AUTH_SOCK',
    read: asWritten,
  }),
  /** Whether every record of the checksum databases that are followed is read and judged (node/auditing.ts). */
  audit: toggle({
    group: 'Audit',
    help: 'read every record of each checksum database in the background, and follow (docs/operating.md)',
    initial: false,
  }),
  /** Requests a second, of all audits together. */
  auditRate: perSecond({
    group: 'Audit',
    help: 'how many requests a second audits and watches make of logs, together',
    ...{ least: 0.1, most: 1000, initial: 10 },
  }),
  /** "PATTERNS [authorised=FILE|URL [key=BASE64]]" each: modules whose new versions are told (node/watching.ts). */
  watch: list({
    group: 'Audit',
    value: '"PATTERNS [authorised=FILE|URL [key=BASE64]]"',
    help: 'tell of each new version of these modules (docs/operating.md)',
    fields: WATCH_FIELDS,
    secret: true,
    each: parseWatch,
  }),
  /** "URL [format=standard|alertmanager] [secret-file=FILE]" each: webhooks that are told of what is wrong (alerts/). */
  alarm: list({
    group: 'Alarm',
    value: '"URL [format=FORMAT] [secret-file=FILE]"',
    help: 'a webhook that is told when something is wrong, beside the hooks in the home (docs/alarm.md)',
    fields: ALARM_FIELDS,
    secret: true,
    each: parseAlarm,
  }),
  /** "URL" or "VKEY URL" each: witnesses that heads are pushed to. */
  feed: list({
    group: 'Exchange',
    value: '"URL" or "VKEY URL"',
    help: 'a witness that gets our heads and cosigns them',
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
  /** "NAME URL" each, or one URL when there is one log. */
  upstream: list({
    group: 'Go command',
    value: '"NAME URL"',
    help: 'where the lookups and tiles of the go command come from',
    otherwise: 'the log',
    secret: true,
    each: asWritten,
  }),
  /** Seconds that the go command's lookups wait for a quorum that covers their record. */
  quorumWait: seconds({
    group: 'Go command',
    help: 'how long its lookups wait for a quorum',
    ...{ least: 0, most: 60, initial: 10 },
  }),
  /** GOPROXY URLs, in the order in which they are asked; none: no mirror (src/mirror). */
  mirror: list({
    group: 'Mirror',
    value: 'URL',
    help: 'serve modules from this GOPROXY at /mod, each held against the log; asked in this order (docs/mirror.md)',
    secret: true,
    each: parseMirror,
  }),
  /** Patterns of module paths, as GOPRIVATE has them; empty: none. */
  private: textOr(() => '', {
    group: 'Mirror',
    value: 'PATTERNS',
    help: 'modules that are never asked for upstream, as in GOPRIVATE',
    read: parsePatterns,
  }),
  /** Bytes that are kept in `<home>/mirror`. */
  mirrorBytes: textOr(() => '10GiB', {
    group: 'Mirror',
    value: 'BYTES',
    help: 'how much the mirror keeps on disk; what was not asked for longest goes first',
    read: parseByteCount,
  }),
  /** Milliseconds; undefined: none. */
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
  /** What is logged on stderr: this and what is graver. */
  logLevel: choice({
    group: 'Log output',
    help: 'how much is logged on stderr; gossum log-level changes it in a running node',
    choices: LOG_LEVELS,
    initial: 'info',
  }),
  /** Words for people, or a JSON line each for programs. */
  logFormat: choice({
    group: 'Log output',
    help: 'text for people, or a JSON line for each event (docs/operating.md)',
    choices: ['text', 'json'],
    initial: 'text',
    restart: true,
  }),
} as const

type Table = typeof SETTINGS

/** Settings as they are written: by flags, in the environment, in the file. Absent means "ask the next one". */
export type Settings = { -readonly [N in keyof Table]?: WritingOf<Table[N]> | undefined }

/** What the settings mean. */
export type Values = { readonly [N in keyof Table]: ReturnType<Table[N]['parse']> }

type WritingOf<S> = S extends Setting<infer W> ? W : never

/** All settings by their names, also those that are about finding the others or a node. */
export const ALL_SETTINGS: Readonly<Record<string, Setting>> = { config: CONFIG_FILE, ...SETTINGS, node: NODE }
