/**
 * The configuration of a node: flags > GOSSUM_* environment > YAML file > defaults, in one frozen and validated object.
 * Everything that can be wrong with it is found here, and errors name the setting.
 */
import { readBook, withBook } from '../logs/followed-logs.js'
import { distinct, parseLogSetting, requireRoomForLogs, withUpstreams, type LogSetting } from '../logs/log-setting.js'
import { requireDistinctAlarms } from './alarm-setting.js'
import { requireKeepers, type DepositSetting } from './deposit-setting.js'
import { SUM_GOLANG_ORG } from './known-logs.js'
import { requireMirror } from './mirror-setting.js'
import { requireObserver } from './observer-setting.js'
import { requireDistinct, type PlaceSetting } from './places.js'
import { GossumError } from '../errors.js'
import { invalid, keyOf, type Setting } from './setting.js'
import { SETTINGS, type Settings, type Values } from './settings.js'
import { requireApart } from './values.js'
import { PlacedError, problemsOf } from './settings-file.js'
import { hear, type Heard } from './sources.js'

export { parseLogSetting, SUM_GOLANG_ORG, type LogSetting, type Settings }

/** Settings that the configuration has under another name, or combines. */
type Combined = 'log' | 'logList' | 'trustedProxy' | 'upstream' | 'deposit' | 'feed' | 'distributor' | 'sourceSpotter'

/** The values of the settings (settings.ts), under their names except for those that are combined. */
export interface Config extends Omit<Values, Combined> {
  readonly logs: readonly LogSetting[]
  /** Log lists (tlog/log-list.ts) whose logs are also followed: URLs, or paths of files. */
  readonly logLists: readonly string[]
  /** Reverse proxies whose statement of the client's address is believed: networks as ADDRESS/BITS, or addresses. */
  readonly trustedProxies: readonly string[]
  /** Which peers must remember what this key cosigns before it does (witness/deposits.ts). */
  readonly deposit: DepositSetting
  /** Services outside the mesh with which heads and cosignatures are exchanged. */
  readonly places: readonly PlaceSetting[]
}

interface LoadOptions {
  /** The file of settings; absent: that of GOSSUM_CONFIG, if set. */
  readonly file?: string | undefined
  readonly env?: NodeJS.ProcessEnv
  /** False for callers that need no policy: its file is not read. */
  readonly policy?: boolean
  /** False for callers that need no logs: those of the home are not read. */
  readonly book?: boolean
}

/** Builds the configuration. Throws CONFIG_INVALID, HOME_UNUSABLE, KEY_* or POLICY_MALFORMED, naming the setting. */
export function loadConfig(flags: Settings, options: LoadOptions = {}): Config {
  const heard = hear(flags, { file: options.file, env: options.env ?? process.env })
  return configOf(heard, options)
}

/** The configuration for these settings. Throws as loadConfig does. */
export function configOf(heard: Readonly<Record<string, Heard>>, options: LoadOptions = {}): Config {
  try {
    return combined(heard, options)
  } catch (error) {
    throw placed(error, heard)
  }
}

/** Adds the place in the file to an error about a setting. Errors about one setting alone already have it. */
function placed(error: unknown, heard: Readonly<Record<string, Heard>>): unknown {
  if (!(error instanceof GossumError) || error instanceof PlacedError) return error
  const about = Object.values(heard).find(({ inFile }) => inFile && error.detail.startsWith(`${keyOf(inFile.name)}: `))
  return about?.inFile === undefined ? error : new PlacedError(error, about.inFile.place)
}

function combined(heard: Readonly<Record<string, Heard>>, { policy = true, book = true }: LoadOptions): Config {
  const { log, logList, trustedProxy, upstream, feed, distributor, sourceSpotter, ...values } = parse(heard, policy)
  if (log.length === 0) throw invalid('log', 'there is none to follow')
  const isDefault = heard['log']!.source === 'default'
  const logs = withBook(distinct(log), isDefault, book ? readBook(values.home) : [])
  requireRoomForLogs(logs)
  const deposit = Object.freeze(values.deposit ?? { keep: undefined, required: false })
  requireKeepers(deposit, values)
  const places = [...feed, ...distributor, ...sourceSpotter]
  requireDistinct(places)
  requireDistinctAlarms(values.alarm)
  requireMirror(values)
  requireObserver(values, places, policy)
  requireApart(values)
  return Object.freeze({
    ...values,
    logs: Object.freeze(withUpstreams(logs, upstream)),
    logLists: logList,
    trustedProxies: trustedProxy,
    deposit,
    places: Object.freeze(places),
  })
}

function parse(heard: Readonly<Record<string, Heard>>, policy: boolean): Values {
  const values = Object.entries<Setting>(SETTINGS).map(([name, setting]) => {
    const { written, inFile }: Partial<Heard> = name === 'policy' && !policy ? {} : heard[name]!
    try {
      return [name, setting.parse(written, keyOf(name))]
    } catch (error) {
      throw (inFile && problemsOf(inFile)[0]) ?? error
    }
  })
  return Object.fromEntries(values) as Values
}
