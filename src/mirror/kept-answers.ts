/** Answers stored next to the files, for when no upstream gives them any longer. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { errorCode } from '../errors.js'
import { equalBytes } from '../tlog/bytes.js'
import { answerName, decodeKeptAnswer, encodeKeptAnswer } from './kept-checks.js'
import { isFull, type KeptFiles } from './kept-files.js'

export class KeptAnswers {
  readonly #kept: KeptFiles

  constructor(kept: KeptFiles) {
    this.#kept = kept
  }

  /** The last answer to a question, which is one line; undefined if none is stored. */
  async get(question: string): Promise<Uint8Array | undefined> {
    const held = await this.#kept.take(answerName(question))
    if (held === undefined) return undefined
    try {
      return decodeKeptAnswer(held.bytes ?? (await readFile(held.file)))?.body
    } finally {
      held.release()
    }
  }

  /** Stores an answer in place of the previous one, if there is room. */
  async put(question: string, body: Uint8Array): Promise<void> {
    const before = await this.get(question)
    if (before !== undefined && equalBytes(before, body)) return
    const scratch = this.#kept.scratch()
    try {
      await writeFile(scratch, encodeKeptAnswer(question, body), { flag: 'wx', mode: 0o600 })
      const held = await this.#kept.put(answerName(question), scratch, true)
      held.release()
    } catch (error) {
      if (errorCode(error) !== 'MIRROR_FULL' && !isFull(error)) throw error
    } finally {
      await rm(scratch, { force: true })
    }
  }
}
