/** `--alarm`, or `alarm:` in the file: webhooks that are told what people should know (alerts/webhook.ts). */
import { resolve } from 'node:path'
import { parseUrl } from '../logs/log-setting.js'
import { invalid } from './setting.js'

/** What a webhook gets: an alert as docs/alarm.md has it, or what an Alertmanager sends to its webhooks. */
export const ALARM_FORMATS = ['standard', 'alertmanager'] as const
export type AlarmFormat = (typeof ALARM_FORMATS)[number]

export interface AlarmSetting {
  /** Without its login. The path is often a secret, too: nobody else is shown more than the host. */
  readonly url: string
  readonly format: AlarmFormat
  /** Path of the file with the secret that requests are signed with; undefined: they are not signed. */
  readonly secretFile: string | undefined
}

/** What an alarm says, by name: in the file each is a key of a mapping. */
export const ALARM_FIELDS = ['url', 'format', 'secret-file'] as const

/** Reads one webhook. Throws CONFIG_INVALID. */
export function parseAlarm(text: string, setting: string): AlarmSetting {
  const [url = '', ...said] = text.trim().split(/\s+/)
  const fields = new Map<string, string>()
  for (const word of said) {
    const [, name, value] = /^(format|secret-file)=(.+)$/.exec(word) ?? []
    // What was written is not repeated: it may hold a secret.
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

/** An http or https URL as it is, with its query and the slash at its end: servers tell those apart. */
function webhookUrl(text: string, setting: string): string {
  const [, address = '', slash = '', query = ''] = /^([^?#]*?)(\/*)(\?[^#]*)?$/.exec(text) ?? []
  if (!/^https?:\/\/./.test(address) || !URL.canParse(address))
    throw invalid(setting, 'an http or https URL without a fragment expected')
  return `${parseUrl(setting, address)}${slash}${query}`
}

/** Throws CONFIG_INVALID when a webhook is listed twice: it would be told everything twice. */
export function requireDistinctAlarms(alarms: readonly AlarmSetting[]): void {
  const urls = alarms.map(({ url }) => url)
  if (new Set(urls).size < urls.length) throw invalid('alarm', 'a URL is listed twice')
}
