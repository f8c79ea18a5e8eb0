/** What new evidence adds to what is kept: pure bookkeeping over what can be found out about heads. */
import { describe, expect, test } from 'vitest'
import { encodeEvidence, evidenceId, makeSplitView, type SplitView } from '../../src/evidence/evidence.js'
import type { KeptEvidence } from '../../src/evidence/kept.js'
import { Lies, type Findings, type Shown } from '../../src/evidence/lies.js'
import { fromUtf8, toHex, utf8 } from '../../src/tlog/bytes.js'
import { sha256 } from '../../src/tlog/hash.js'
import { parseNote } from '../../src/tlog/note.js'
import { testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const LOG = 'a'.repeat(64)
const signer = testSigner('log.example', 1)
const ours = new History(signer)
const forks = ['b', 'c', 'd', 'e', 'f', 'g'].map((salt) => ours.fork(2, salt))
const [fork, another] = forks as [History, History]

/** Evidence with a head of each history, both of one size. */
const view = (a: History, b: History, size = 5): SplitView =>
  makeSplitView(signer.verifier, [parseNote(a.head(size)), parseNote(b.head(size))])
const hashOf = (text: string): string => toHex(sha256(utf8(text)))

/** The available queries, and those that were made; `of` returns the history of a head, as far as anyone knows. */
function setUp(evidence: readonly SplitView[], known: readonly History[] = [ours]) {
  const asked: string[] = []
  const errors: unknown[] = []
  const state = {
    known,
    broken: 'nothing' as 'nothing' | 'all' | 'comparing',
    /** Whether we hold a tree of no records, with which every head agrees. */
    files: new Map(evidence.map((each) => [evidenceId(each), each])),
  }
  const historyOf = (head: string): History | undefined => {
    const { text } = parseNote(utf8(head))
    return [ours, ...forks].find((each) => each.text(Number(text.split('\n')[1])) === text)
  }
  const findings: Findings = {
    isOurs: (_log, head) => {
      asked.push(`ours ${parseNote(utf8(head)).text.split('\n')[1]}`)
      if (state.broken === 'all') return Promise.reject(new Error('broken'))
      const of = historyOf(head)!
      return Promise.resolve(state.known.includes(of) ? of === ours : undefined)
    },
    areOneHistory: (_log, [a, b]) => {
      asked.push('one')
      if (state.broken !== 'nothing') return Promise.reject(new Error('broken'))
      return Promise.resolve(historyOf(a) === historyOf(b))
    },
  }
  const get = (id: string): Promise<KeptEvidence | undefined> => {
    const file = state.files.get(id)
    return Promise.resolve(file && ({ id, text: fromUtf8(encodeEvidence(file)) } as KeptEvidence))
  }
  const shown: Shown = {
    ids: evidence.map(evidenceId),
    showing: (text) =>
      [...state.files].find(([, { heads }]) => heads.some((head) => hashOf(parseNote(utf8(head)).text) === text))?.[0],
  }
  const lies = new Lies(findings, { get }, (error) => errors.push(error))
  return { asked, errors, state, news: (of: SplitView) => lies.news(LOG, of, shown) }
}

test('the first evidence is new, and nothing is asked', async () => {
  const { asked, news } = setUp([])
  expect(await news(view(ours, fork))).toBe('new')
  expect(asked).toEqual([])
})

describe('evidence with a known lie', () => {
  const before = view(ours, fork)

  test('the same is known, also with another head of ours', async () => {
    const { news } = setUp([before], [ours, fork])
    expect(await news(before)).toBe('known')
    expect(
      await news(
        makeSplitView(
          signer.verifier,
          [parseNote(ours.head(4)), parseNote(fork.head(5))],
          fork.prefix(fork.tree(5), 4),
        ),
      ),
    ).toBe('known')
  })

  test('the same is known with a head of unknown history', async () => {
    const { news } = setUp([before], [ours, fork])
    expect(await news(view(another, fork))).toBe('known')
  })

  test('it is a lie also when all that can be said is that what it contradicts is ours', async () => {
    const { news } = setUp([before], [ours])
    expect(await news(view(another, fork))).toBe('known')
  })

  test('when nothing can be said of either, one that nobody knows is new', async () => {
    const { news } = setUp([before], [])
    expect(await news(view(another, fork))).toBe('new')
    expect(await news(before), 'but not what was shown').toBe('known')
  })

  test('a lie that is another one is new', async () => {
    const { news } = setUp([before], [ours, fork, another])
    expect(await news(view(ours, another))).toBe('new')
    expect(await news(view(fork, another))).toBe('new')
  })

  test('a head that continues it has grown; one that continues ours has not', async () => {
    const { news, asked } = setUp([before], [ours, fork])
    expect(await news(view(ours, fork, 8))).toBe('grown')
    expect(asked.filter((what) => what === 'one').length).toBeGreaterThan(0)
    const { news: again } = setUp([view(ours, fork), view(another, fork)], [])
    expect(await again(view(ours, another, 8)), 'of whose history is which nobody knows').toBe('new')
  })

  test('of a head that is ours nothing more is asked', async () => {
    const { news, asked } = setUp([before], [ours, fork])
    await news(
      makeSplitView(signer.verifier, [parseNote(ours.head(4)), parseNote(fork.head(5))], fork.prefix(fork.tree(5), 4)),
    )
    expect(asked).toEqual(['ours 4', 'ours 5'])
  })
})

test('a head that was shown, of which nobody can say more, is known with a head of ours', async () => {
  const { news } = setUp([view(another, fork)], [ours])
  expect(await news(view(ours, fork))).toBe('known')
})

test('what is proven to be a lie is asked about once, and what is not again', async () => {
  const before = view(ours, fork)
  const { news, asked, state } = setUp([before], [])
  expect(await news(view(another, fork))).toBe('new')
  expect(await news(view(another, fork)), 'what nobody could say is not remembered').toBe('new')
  state.known = [ours, fork]
  expect(await news(view(another, fork)), 'now it is known to be one').toBe('known')
  asked.length = 0
  state.known = []
  expect(await news(view(another, fork)), 'for ever').toBe('known')
  expect(asked.filter((what) => what === 'ours 5')).toHaveLength(1)
})

test('a head is looked for in the four that were kept last', async () => {
  const all = forks.slice(0, 5).map((each) => view(ours, each))
  const { news } = setUp(all, [ours, ...forks])
  expect(await news(view(ours, forks[4]!, 8))).toBe('grown')
  expect(await news(view(ours, forks[1]!, 8))).toBe('grown')
  expect(await news(view(ours, forks[0]!, 8)), 'the fifth').toBe('new')
})

test('evidence that is gone shows no heads, and what fails is told and proves nothing', async () => {
  const before = view(ours, fork)
  const { news, state, errors } = setUp([before], [ours, fork])
  state.broken = 'all'
  expect(await news(view(ours, another, 8))).toBe('new')
  expect(errors.length).toBeGreaterThan(0)
  state.broken = 'comparing'
  expect(await news(view(ours, fork, 8)), 'it may be that it has grown').toBe('new')
  state.broken = 'nothing'
  state.files.clear()
  expect(await news(view(ours, fork, 8))).toBe('new')
})
