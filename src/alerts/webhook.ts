/**
 * A webhook: an alert as the body of a POST, signed according to Standard Webhooks 1.0.0
 * (github.com/standard-webhooks/standard-webhooks). A status of 2xx means that it has accepted the alert; redirects are
 * not followed.
 */
import { createHmac } from 'node:crypto'
import { hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { AlarmSetting } from '../config/alarm-setting.js'
import { printable } from '../lib/printable.js'
import { timed } from '../lib/timed.js'
import { outgoing } from '../outgoing/http-client.js'
import { withoutLogins } from '../outgoing/logins.js'
import { reasonOf } from '../outgoing/reason.js'
import { DEFAULT_USER_AGENT, readBody, retryAfter } from '../sumdb/fetcher.js'
import { fromBase64 } from '../tlog/bytes.js'
import type { Alert } from './alert.js'
import { alertmanagerPayload } from './alertmanager.js'
import type { Attempt, Receiver } from './receiver.js'

/** Milliseconds that one request may take, including its answer. */
const TIMEOUT_MS = 15_000
/** Bytes of an answer that are read, and characters that the operator is shown. */
const MAX_ANSWER_BYTES = 4096
const SHOWN = 200
/** The longest Retry-After that is honoured, in milliseconds. */
const MAX_RETRY_AFTER_MS = 3_600_000
/** Sizes in bytes: of a secret, as specified, and of a file that contains one. */
const SECRET_BYTES = { least: 24, most: 64 }
const MAX_SECRET_FILE_BYTES = 1024
/** Statuses that mean that this request is wrong: after some attempts the next alert is sent. */
const REFUSALS: readonly number[] = [400, 413, 422]
/** Permission bits of others. */
const OTHERS = 0o007

export class Webhook implements Receiver {
  readonly kind = 'webhook'
  readonly key: string
  readonly name: string
  readonly #setting: AlarmSetting
  readonly #now: () => number

  /** `now` in milliseconds since 1970. `name` is its host, made unique. */
  constructor(setting: AlarmSetting, name: string, now: () => number) {
    this.#setting = setting
    this.#now = now
    this.name = name
    // The URL may be a secret; its hash identifies the same receiver after a restart.
    this.key = `webhook ${hash('sha256', `${setting.format} ${setting.url}`).slice(0, 16)}`
  }

  async deliver(alert: Alert, signal: AbortSignal): Promise<Attempt> {
    try {
      return await timed(TIMEOUT_MS, [signal], (limit) => this.#post(alert, limit))
    } catch (error) {
      signal.throwIfAborted()
      return { isTaken: false, said: reasonOf(error), output: '' }
    }
  }

  async #post(alert: Alert, signal: AbortSignal): Promise<Attempt> {
    const { url, format, secretFile } = this.#setting
    const body = JSON.stringify(format === 'standard' ? alert : alertmanagerPayload(alert))
    const timestamp = String(Math.floor(this.#now() / 1000))
    const signature =
      secretFile === undefined ? {} : { 'webhook-signature': await this.#sign(alert.id, timestamp, body) }
    const headers = {
      'user-agent': DEFAULT_USER_AGENT,
      'content-type': 'application/json',
      'webhook-id': alert.id,
      'webhook-timestamp': timestamp,
      ...signature,
    }
    const sent = { method: 'POST', headers, redirect: 'manual', signal, body: new TextEncoder().encode(body) } as const
    const response = await outgoing.fetch(url, sent)
    const { status } = response
    const { bytes } = await readBody(response, MAX_ANSWER_BYTES)
    return {
      isTaken: status >= 200 && status < 300,
      said: status >= 300 && status < 400 ? `status ${status}, and redirects are not followed` : `status ${status}`,
      output: shown(bytes),
      retryAfterMs: retryAfter(response, MAX_RETRY_AFTER_MS),
      ...(status === 410 ? { gives: 'all' } : REFUSALS.includes(status) ? { gives: 'alert' } : {}),
    }
  }

  /** Signs the id, the time and the body with the current secret in the file, which can be changed at any time. */
  async #sign(id: string, timestamp: string, body: string): Promise<string> {
    const secret = await readSecret(this.#setting.secretFile!)
    return `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  }
}

/** The beginning of an answer, on one line. */
function shown(bytes: Uint8Array): string {
  return printable(withoutLogins(new TextDecoder().decode(bytes)).replace(/\s+/g, ' ').trim()).slice(0, SHOWN)
}

/** The secret in a file, `whsec_` and base64. Errors never quote the content. */
async function readSecret(path: string): Promise<Uint8Array> {
  const text = (await readSecretFile(path)).trim()
  const secret = text.startsWith('whsec_') ? fromBase64(text.slice('whsec_'.length)) : undefined
  if (secret === undefined || secret.length < SECRET_BYTES.least || secret.length > SECRET_BYTES.most)
    throw new Error(
      `the secret file does not contain "whsec_" and base64 of ${SECRET_BYTES.least} to ${SECRET_BYTES.most} bytes`,
    )
  return secret
}

async function readSecretFile(path: string): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new Error(`the secret file cannot be read: ${(error as NodeJS.ErrnoException).code ?? ''}`, {
      cause: undefined,
    })
  })
  try {
    const { mode, size } = await file.stat()
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) throw new Error('everyone may read the secret file')
    if (size > MAX_SECRET_FILE_BYTES) throw new Error('the secret file is too large')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** The webhooks, named by host; several of one host are numbered. */
export function webhooksOf(settings: readonly AlarmSetting[], now: () => number): Webhook[] {
  const seen = new Map<string, number>()
  return settings.map((setting) => {
    const { host } = new URL(setting.url)
    const count = (seen.get(host) ?? 0) + 1
    seen.set(host, count)
    return new Webhook(setting, count === 1 ? host : `${host} (${count})`, now)
  })
}
