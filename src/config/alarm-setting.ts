/** `--alarm`, or `alarm:` in the file: webhooks to which alerts are sent (alerts/webhook.ts). */
import { resolve } from 'node:path'
import { parseUrl } from '../logs/log-setting.js'
import { invalid } from './setting.js'

/** The format of the messages: an alert as in docs/alarm.md, or what an Alertmanager sends to its webhooks. */
export const ALARM_FORMATS = ['standard', 'alertmanager'] as const
export type AlarmFormat = (typeof ALARM_FORMATS)[number]

export interface AlarmSetting {
  /** Without its login. The path is often a secret as well: only the host is shown to others. */
  readonly url: string
  readonly format: AlarmFormat
  /** Path of the file with the secret for signing requests; undefined: they are not signed. */
  readonly secretFile: string | undefined
}

/** The fields of an alarm, which are keys of a mapping in the file. */
export const ALARM_FIELDS = ['url', 'format', 'secret-file'] as const

/** Reads one webhook. Throws CONFIG_INVALID. */
export function parseAlarm(text: string, setting: string): AlarmSetting {
  const [url = '', ...said] = text.trim().split(/\s+/)
  const fields = new Map<string, string>()
  for (const word of said) {
    const [, name, value] = /^(format|secret-file)=(.+)$/.exec(word) ?? []
    // The text is not repeated in the error: it may contain a secret.
    if (name === undefined || fields.has(name))
      throw invalid(setting, `"URL [format=${ALARM_FORMATS.join('|')}] [secret-file=FILE]" expected`)
    fields.set(name, value!)
  }
  const format = fields.get('format') ?? 'standard'
  if (!isFormat(format)) throw invalid(setting, `format: ${ALARM_FORMATS.join(' or ')} expected, got ${format}`)
  const secretFile = fields.get('secret-file')
  return {
    url: webhookUrl(url, setting),
    format,
    secretFile: secretFile === undefined ? undefined : resolve(secretFile),
  }
}

function isFormat(text: string): text is AlarmFormat {
  return (ALARM_FORMATS as readonly string[]).includes(text)
}

/** An http or https URL as written, with its query and trailing slash, which are significant to servers. */
function webhookUrl(text: string, setting: string): string {
  const [, address = '', slash = '', query = ''] = /^([^?#]*?)(\/*)(\?[^#]*)?$/.exec(text) ?? []
  if (!/^https?:\/\/./.test(address) || !URL.canParse(address))
    throw invalid(setting, 'an http or https URL without a fragment expected')
  return `${parseUrl(setting, address)}${slash}${query}`
}

/** Throws CONFIG_INVALID when a webhook is listed twice: it would receive every message twice. */
export function requireDistinctAlarms(alarms: readonly AlarmSetting[]): void {
  const urls = alarms.map(({ url }) => url)
  if (new Set(urls).size < urls.length) throw invalid('alarm', 'a URL is listed twice')
}
