/** Lookups for the go command: whatever memory, disk and log contain, only records under a quorum head are served. */
import { beforeEach, describe, expect, test } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import { lastingController } from '../../src/lib/timed.js'
import { Admission } from '../../src/proxy/admission.js'
import { ProvenLookups, type ProvenLookupsParts } from '../../src/proxy/proven-lookups.js'
import type { UpstreamAnswer } from '../../src/proxy/upstream.js'
import type { KeptLookup } from '../../src/store/lookup-store.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { hashLeaf } from '../../src/tlog/hash.js'
import type { CosignedHead } from '../../src/witness/cosigned-head.js'

const recordOf = (name: string): Uint8Array =>
  utf8(`example.com/${name} v1.0.0 h1:x=\nexample.com/${name} v1.0.0/go.mod h1:y=\n`)
const RECORDS = ['a', 'b', 'c'].map(recordOf)
const asking = { client: '10.0.0.1', signal: lastingController().signal }
const headOf = (size: number): CosignedHead => ({ size, root: new Uint8Array(32) }) as unknown as CosignedHead

let asked: string[] = []
let disk = new Map<string, KeptLookup>()
/** The log's answer: a record by its number, and the pipeline's outcome for the head in it. */
let answer: { id: number; record: Uint8Array; code?: ErrorCode } | GossumError
let parts: Omit<ProvenLookupsParts, 'upstream' | 'admission' | 'kept'>
beforeEach(() => {
  asked = []
  disk = new Map()
  answer = { id: 0, record: RECORDS[0]! }
  parts = {
    leafHash: (id) => Promise.resolve(hashLeaf(RECORDS[id]!)),
    quorum: () => headOf(3),
    covering: () => Promise.resolve(headOf(3)),
    requireSound: () => undefined,
  }
})

function lookups(): ProvenLookups {
  return new ProvenLookups({
    ...parts,
    admission: new Admission(() => 0),
    upstream: {
      ask: (path: string, version: string) => {
        asked.push(`${path}@${version}`)
        if (answer instanceof GossumError) return Promise.reject(answer)
        const { id, record, code } = answer
        const judged = Promise.resolve({ kind: 'known', news: false, ...(code && { code }) })
        return Promise.resolve({ id, record, head: headOf(3), judged } as unknown as UpstreamAnswer)
      },
    } as unknown as ProvenLookupsParts['upstream'],
    kept: {
      get: (module) => Promise.resolve(disk.get(module)),
      put: (module, lookup) => Promise.resolve(void disk.set(module, lookup)),
    },
  })
}
const find = (in_: ProvenLookups, name: string) => in_.find(`example.com/${name}`, 'v1.0.0', asking)

describe('a record', () => {
  test('is requested from the log once, then stored on disk and in memory', async () => {
    const all = lookups()
    expect(await find(all, 'a')).toEqual({ id: 0, record: RECORDS[0], source: 'log' })
    expect(await find(all, 'a')).toMatchObject({ source: 'memory' })
    expect([asked, disk.get('example.com/a@v1.0.0')]).toEqual([['example.com/a@v1.0.0'], { id: 0, record: RECORDS[0] }])
  })

  test('is requested once for simultaneous clients, with the exact module path', async () => {
    const all = lookups()
    const found = await Promise.all(Array.from({ length: 9 }, () => find(all, 'a')))
    expect(found.map(({ id }) => id)).toEqual(Array<number>(9).fill(0))
    expect(asked).toHaveLength(1)
    await expect(all.find('example.com/A', 'v1.0.0', asking)).rejects.toMatchObject({ code: 'RECORD_INVALID' })
    expect([...disk.keys()]).toEqual(['example.com/a@v1.0.0'])
  })

  test('on disk is proven again, without a request', async () => {
    disk.set('example.com/b@v1.0.0', { id: 1, record: RECORDS[1]! })
    const all = lookups()
    expect(await find(all, 'b')).toEqual({ id: 1, record: RECORDS[1], source: 'disk' })
    expect(await find(all, 'b')).toMatchObject({ source: 'memory' })
    expect(asked).toEqual([])
  })

  test.each<[string, KeptLookup]>([
    ['another record', { id: 0, record: RECORDS[1]! }],
    ['a forged record', { id: 0, record: recordOf('forged') }],
    ['a record beyond the quorum head', { id: 3, record: RECORDS[0]! }],
  ])('for which the disk has %s is requested from the log', async (_, kept) => {
    disk.set('example.com/a@v1.0.0', kept)
    expect(await find(lookups(), 'a')).toEqual({ id: 0, record: RECORDS[0], source: 'log' })
    expect(disk.get('example.com/a@v1.0.0')).toEqual({ id: 0, record: RECORDS[0] })
  })

  test('on disk is not used without a quorum head', async () => {
    disk.set('example.com/a@v1.0.0', { id: 0, record: RECORDS[0]! })
    parts = { ...parts, quorum: () => undefined }
    expect(await find(lookups(), 'a')).toMatchObject({ source: 'log' })
  })

  test('without its tile is not requested from the log in vain', async () => {
    disk.set('example.com/a@v1.0.0', { id: 0, record: RECORDS[0]! })
    parts = { ...parts, leafHash: () => Promise.reject(new GossumError('LOG_UNREACHABLE')) }
    await expect(find(lookups(), 'a')).rejects.toMatchObject({ code: 'LOG_UNREACHABLE' })
    expect(asked).toEqual([])
  })
})

describe('nothing is returned or stored', () => {
  const expectRefused = async (code: ErrorCode): Promise<void> => {
    const all = lookups()
    for (let i = 0; i < 2; i++) await expect(find(all, 'a')).rejects.toMatchObject({ code })
    expect([asked.length, disk.size]).toEqual([2, 0])
  }

  test('for a record that is not in the tree', async () => {
    answer = { id: 1, record: RECORDS[0]! }
    await expectRefused('RECORD_INVALID')
  })

  test('for a record of the tree about another module', async () => {
    answer = { id: 1, record: RECORDS[1]! }
    await expectRefused('RECORD_INVALID')
    expect(fromUtf8(RECORDS[1]!)).not.toContain('example.com/a ')
  })

  test('if the log does not answer', async () => {
    answer = new GossumError('LOG_UNREACHABLE')
    await expectRefused('LOG_UNREACHABLE')
  })

  test('if the log is frozen, which is reported before any other error', async () => {
    parts = {
      ...parts,
      requireSound: () => {
        throw new GossumError('LOG_FROZEN')
      },
    }
    answer = new GossumError('LOG_ANSWER_INVALID')
    await expectRefused('LOG_FROZEN')
    asked = []
    answer = { id: 1, record: RECORDS[0]! }
    await expectRefused('LOG_FROZEN')
  })

  test('without a quorum, and the error says why this node did not cosign', async () => {
    parts = { ...parts, covering: () => Promise.reject(new GossumError('QUORUM_MISSING', 'waited')) }
    answer = { id: 0, record: RECORDS[0]!, code: 'CLOCK_WRONG' }
    await expectRefused('QUORUM_MISSING')
    await expect(find(lookups(), 'a')).rejects.toThrow(/waited; this node has not cosigned the head of 3 records: /)
    answer = { id: 0, record: RECORDS[0]! }
    await expect(find(lookups(), 'a')).rejects.toMatchObject({ detail: 'waited' })
  })
})
