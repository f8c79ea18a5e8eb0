/** The messages between an auditing thread and the main thread. */
import { errorText, GossumError, type ErrorCode } from '../../errors.js'
import { StatusError } from '../../sumdb/fetcher.js'
import type { LogSource } from '../../sumdb/log-source.js'
import type { Tree } from '../../tlog/merkle.js'
import type { KeySeed } from './module-keys.js'

/** The parameters of a thread. */
export interface WorkerSetting {
  /** The folder of the log; undefined if tiles come through the main thread. */
  readonly folder: string | undefined
  readonly origin: string
  readonly tree: Tree
  readonly seed: KeySeed
  readonly atOnce: number
}

export interface Question {
  readonly number: number
  readonly path: string
  readonly maxBytes: number
}

/** An error as plain data: classes do not survive the transfer between threads. */
export interface ToldError {
  readonly code: ErrorCode
  readonly detail: string
  /** For a StatusError. */
  readonly status?: number
}

export type Answer = { readonly number: number } & ({ readonly data: Uint8Array } | { readonly error: ToldError })

export function toldError(error: unknown): ToldError {
  if (error instanceof StatusError) return { code: error.code, detail: error.detail, status: error.status }
  if (error instanceof GossumError) return { code: error.code, detail: error.detail }
  return { code: 'INTERNAL', detail: errorText(error) }
}

export function errorOf({ code, detail, status }: ToldError): GossumError {
  return status === undefined ? new GossumError(code, detail) : new StatusError(status, detail)
}

/** A source that fetches through another thread. */
export class AskingSource implements LogSource {
  readonly url = 'the main thread'
  readonly #ask: (question: Question) => void
  readonly #open = new Map<number, (answer: Answer) => void>()
  #number = 0

  constructor(ask: (question: Question) => void) {
    this.#ask = ask
  }

  async get(path: string, maxBytes: number): Promise<Uint8Array> {
    const number = this.#number++
    const answer = await new Promise<Answer>((resolve) => {
      this.#open.set(number, resolve)
      this.#ask({ number, path, maxBytes })
    })
    if ('error' in answer) throw errorOf(answer.error)
    return answer.data
  }

  answered(answer: Answer): void {
    this.#open.get(answer.number)?.(answer)
    this.#open.delete(answer.number)
  }
}
