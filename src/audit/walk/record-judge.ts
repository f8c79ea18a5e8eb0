/** Judges the records of one log, and determines which module version each is about. Pure. */
import { judgeRecord } from '../rules/judge-record.js'
import { readPlain, type PlainRecord } from '../rules/plain-record.js'
import { RULES } from '../rules/rules.js'
import type { Finding } from '../finding.js'
import { moduleName } from './walk-rules.js'
import { hashModule, hashModuleText, type KeySeed } from './module-keys.js'

export interface Judgement {
  readonly findings: readonly Finding[]
  /** The key of the module version; overwritten by the next judgement. Undefined if the record is about none. */
  readonly key: { readonly high: number; readonly low: number } | undefined
}

const SILENT: Judgement = { findings: [], key: undefined }

export class RecordJudge {
  readonly #isSumdb: boolean
  readonly #seed: KeySeed
  readonly #plain: PlainRecord = { pathEnd: 0, versionStart: 0, versionEnd: 0 }
  /** Shared by all faultless records, of which there are many millions. */
  readonly #faultless: { findings: readonly Finding[]; key: Judgement['key'] } = { findings: [], key: undefined }

  /** Records of a log that is not a checksum database have no rules and no module. */
  constructor(isSumdb: boolean, seed: KeySeed) {
    this.#isSumdb = isSumdb
    this.#seed = seed
  }

  /** Whether records have rules at all: if not, there is no need to judge them. */
  get hasRules(): boolean {
    return this.#isSumdb
  }

  judge(record: Uint8Array, id: number): Judgement {
    return this.judgeAt(record, 0, record.length, id)
  }

  /** Judges the record in `data` from `start` to `end`. */
  judgeAt(data: Uint8Array, start: number, end: number, id: number): Judgement {
    if (!this.#isSumdb) return SILENT
    if (readPlain(data, start, end, this.#plain)) {
      this.#faultless.key = hashModule(data, this.#plain, this.#seed, start)
      return this.#faultless
    }
    const { module, broken } = judgeRecord(data.subarray(start, end))
    const about = module === undefined ? { id } : { id, module: moduleName(module) }
    const findings = broken.map(({ rule, detail }) => ({ rule, level: RULES[rule].level, ...about, detail }))
    return { findings, key: module && hashModuleText(module.path, module.version, this.#seed) }
  }
}
