/** The table of classes, and properties of the whole table. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  classify,
  hashesOfRecord,
  MEANINGS,
  MODULE_CLASSES,
  HOLDERS,
  type LogStanding,
  type ModuleClass,
  type HolderName,
  type HolderView,
  type HolderViews,
} from '../../../src/audit/module/module-views.js'

const hash = (letter: string): string => `h1:${letter.repeat(43)}=`
const [ZIP, MOD] = [hash('Z'), hash('M')]
const LINES = [`m v1.0.0 ${ZIP}`, `m v1.0.0/go.mod ${MOD}`]

type LogKind = 'record' | 'absent' | 'lag' | 'unknown' | 'unproven' | 'doubt' | 'conflict' | 'private'
const LOGS: Readonly<Record<LogKind, LogStanding>> = {
  record: { kind: 'record', id: 7, lines: LINES },
  absent: { kind: 'not-in-log', reason: '404' },
  lag: { kind: 'pending', id: 9, reason: 'record 9 is not in the quorum head yet' },
  unknown: { kind: 'pending', reason: 'no answer' },
  unproven: { kind: 'unproven', id: 3, reason: 'not in the tree' },
  doubt: { kind: 'record', id: 7, lines: LINES, doubt: { kind: 'pending', reason: 'a head cannot be tied' } },
  conflict: { kind: 'log-conflict', reason: 'two histories' },
  private: { kind: 'private' },
}

/**
 * What a holder has: the record's hashes, others, others only for the go.mod, something that is no module; or why it
 * has nothing.
 */
type State = 'same' | 'other' | 'mod' | 'broken' | 'absent' | 'silent' | 'unasked'
const has = (zip: string | null, mod: string | null): HolderView => ({ kind: 'has', hashes: { zip, mod }, from: 'x' })
const STATES: Readonly<Record<State, HolderView>> = {
  same: has(ZIP, MOD),
  other: has(hash('X'), MOD),
  mod: has(ZIP, hash('Y')),
  broken: { kind: 'unusable', reason: 'no zip' },
  absent: { kind: 'absent', reason: '404' },
  silent: { kind: 'unknown', reason: 'no answer' },
  unasked: { kind: 'not-asked', reason: 'off' },
}
const views = (states: Partial<Record<HolderName, State>>): HolderViews =>
  Object.fromEntries(Object.entries(states).map(([holder, state]) => [holder, STATES[state]]))

describe('the table', () => {
  test.each<[LogKind, Partial<Record<HolderName, State>>, ModuleClass | null, (readonly HolderName[])?]>([
    // All holders have the same, if they have anything.
    [
      'record',
      { proxy: 'same', git: 'same', 'go.sum': 'same', cache: 'same', ziphash: 'same', folder: 'same' },
      'agree',
    ],
    ['record', { proxy: 'same' }, 'agree'],
    ['record', { git: 'same' }, 'agree'],
    ['record', { cache: 'same' }, 'agree'],
    ['record', { 'go.sum': 'same', proxy: 'unasked' }, 'agree'],
    ['record', { proxy: 'silent', git: 'same' }, 'agree'],
    ['record', { proxy: 'absent', cache: 'same' }, 'agree'],
    // The repository has another version, or none any more.
    ['record', { proxy: 'same', git: 'other' }, 'moved tag', ['git']],
    ['record', { git: 'other' }, 'moved tag', ['git']],
    ['record', { git: 'mod', proxy: 'same' }, 'moved tag', ['git']],
    ['record', { git: 'broken', proxy: 'same' }, 'moved tag', ['git']],
    ['record', { git: 'absent', proxy: 'same' }, 'moved tag', ['git']],
    [
      'record',
      { git: 'other', cache: 'other', 'go.sum': 'other', proxy: 'silent' },
      'moved tag',
      ['git', 'go.sum', 'cache'],
    ],
    // One zip differs.
    ['record', { proxy: 'other', git: 'same' }, 'repacked zip', ['proxy']],
    ['record', { proxy: 'other' }, 'repacked zip', ['proxy']],
    ['record', { proxy: 'broken' }, 'repacked zip', ['proxy']],
    ['record', { proxy: 'mod' }, 'repacked zip', ['proxy']],
    ['record', { proxy: 'same', cache: 'other' }, 'repacked zip', ['cache']],
    ['record', { proxy: 'same', folder: 'other', cache: 'same' }, 'repacked zip', ['folder']],
    ['record', { cache: 'same', ziphash: 'other' }, 'repacked zip', ['ziphash']],
    ['record', { cache: 'other', 'go.sum': 'other' }, 'repacked zip', ['go.sum', 'cache']],
    // The log differs from all others.
    ['record', { proxy: 'other', git: 'other' }, 'log differs', ['proxy', 'git']],
    ['record', { proxy: 'other', git: 'mod' }, 'log differs', ['proxy', 'git']],
    ['record', { 'go.sum': 'other' }, 'log differs', ['go.sum']],
    ['record', { 'go.sum': 'other', proxy: 'same' }, 'log differs', ['go.sum']],
    // Only the index has it.
    ['record', { proxy: 'absent' }, 'index only'],
    ['record', { proxy: 'absent', git: 'absent', cache: 'absent' }, 'index only'],
    ['record', { proxy: 'silent' }, null],
    ['record', { proxy: 'unasked' }, null],
    // The log has no record of it.
    ['absent', { proxy: 'same' }, 'mirror only', ['proxy']],
    ['absent', { proxy: 'same', git: 'same' }, 'mirror only', ['proxy', 'git']],
    ['absent', { cache: 'same', proxy: 'absent' }, 'mirror only', ['cache']],
    ['absent', { 'go.sum': 'same' }, 'mirror only', ['go.sum']],
    ['absent', { proxy: 'broken' }, 'mirror only', ['proxy']],
    ['absent', { git: 'same', proxy: 'absent' }, 'lag'],
    ['absent', { git: 'same', proxy: 'unasked' }, 'lag'],
    ['absent', { proxy: 'absent', git: 'absent' }, null],
    ['absent', { proxy: 'silent' }, null],
    // The log's record is not proven, or not yet.
    ['lag', { proxy: 'same', git: 'other' }, 'lag'],
    ['unknown', { proxy: 'same' }, null],
    ['unproven', { proxy: 'same' }, null],
    ['doubt', { proxy: 'same' }, null],
    ['conflict', { proxy: 'same' }, 'log differs'],
    // The log is not asked: contents are compared with go.sum, or else with the proxy.
    ['private', {}, 'private'],
    ['private', { proxy: 'same', git: 'same', 'go.sum': 'same' }, 'private'],
    ['private', { 'go.sum': 'same', git: 'other' }, 'moved tag', ['git']],
    ['private', { proxy: 'same', git: 'other' }, 'moved tag', ['git']],
    ['private', { 'go.sum': 'same', proxy: 'other' }, 'repacked zip', ['proxy']],
    ['private', { cache: 'same', folder: 'other' }, 'repacked zip', ['folder']],
    ['private', { proxy: 'absent', git: 'silent' }, 'private'],
  ])('%s, %j: %s', (log, states, expected, differing = []) => {
    const found = classify(LOGS[log], views(states), false)
    expect([found.class, found.class === 'moved tag' && differing.length === 0 ? ['git'] : differing]).toEqual([
      expected,
      found.differing,
    ])
  })

  test('a version that no holder has is "index only" if it is listed, else undecided', () => {
    expect(classify(LOGS.absent, views({ proxy: 'absent' }), true).class).toBe('index only')
    expect(classify(LOGS.absent, views({ proxy: 'absent' }), false)).toMatchObject({
      class: null,
      reason: 'nobody else has it, and nothing names it',
    })
  })
})

describe('all combinations', () => {
  const states = Object.keys(STATES) as State[]
  /** Every combination of a log, a proxy, a repository, a go.sum and one of the three in the cache. */
  const all = (Object.keys(LOGS) as LogKind[]).flatMap((log) =>
    states.flatMap((proxy) =>
      states.flatMap((git) =>
        states.flatMap((sum) =>
          states.flatMap((local) =>
            (['cache', 'ziphash', 'folder'] as const).map((holder) => ({
              log,
              own: { proxy, git, 'go.sum': sum, [holder]: local },
            })),
          ),
        ),
      ),
    ),
  )
  const isOther = (state: State | undefined): boolean => state === 'other' || state === 'mod' || state === 'broken'

  test('never give "agree" if a holder differs from the record', () => {
    const wrong = all.filter(({ log, own }) => {
      const found = classify(LOGS[log], views(own), false)
      const others = HOLDERS.filter((holder) => isOther(own[holder]))
      if (log !== 'record') return found.class === 'agree'
      if (others.length === 0) return found.class === 'agree' && !Object.values(own).includes('same')
      return (
        found.class === 'agree' || found.class === null || others.some((holder) => !found.differing.includes(holder))
      )
    })
    expect(wrong).toEqual([])
  })

  test('name the holders that did not answer, and give a reason if there is no class', () => {
    const wrong = all.filter(({ log, own }) => {
      const found = classify(LOGS[log], views(own), false)
      const silent = HOLDERS.filter((holder) => own[holder] === 'silent')
      return found.silent.join() !== silent.join() || (found.reason === null) !== (found.class !== null)
    })
    expect(wrong).toEqual([])
  })

  test('never compare holders with an unproven log', () => {
    const wrong = all.filter(({ log, own }) => {
      const found = classify(LOGS[log], views(own), true)
      return ['unknown', 'unproven', 'doubt'].includes(log) && (found.class !== null || found.differing.length > 0)
    })
    expect(wrong).toEqual([])
  })

  test('cover every class, and each has its text', () => {
    const found = new Set(all.flatMap(({ log, own }) => classify(LOGS[log], views(own), true).class ?? []))
    expect([...found].toSorted()).toEqual([...MODULE_CLASSES].toSorted())
    expect(Object.keys(MEANINGS).toSorted()).toEqual([...MODULE_CLASSES].toSorted())
  })
})

test('docs/check-module.md has the classes and their texts', () => {
  const page = readFileSync(new URL('../../../docs/check-module.md', import.meta.url), 'utf8')
  const table = page.slice(page.indexOf('### Classes'), page.indexOf('`undecided` (`null`'))
  const rows = [...table.matchAll(/^\| `([a-z ]+)` +\| \d +\| ([^|]*?) +\| ([^|]*?) +\|$/gm)]
  const words = rows.map(([, name, means, todo]) => [name, { means, todo }])
  expect(Object.fromEntries(words)).toEqual(MEANINGS)
})

test('the hashes of a record are the h1 of its lines', () => {
  expect(hashesOfRecord(LINES)).toEqual({ zip: ZIP, mod: MOD })
  expect(hashesOfRecord([LINES[1]!])).toEqual({ zip: null, mod: MOD })
  expect(hashesOfRecord(['m v1.0.0 h2:x', ...LINES])).toEqual({ zip: ZIP, mod: MOD })
})
