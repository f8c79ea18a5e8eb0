import { describe, expect, it } from 'vitest'
import { DeliveredNews, MOST_EARNED } from '../../../src/gossip/host/delivered-news.js'
import { SCORE, topicScore } from '../../../src/gossip/host/score.js'

const HEADS = 'heads'
const OTHER = 'heads of another log'
const SILENT = ['silent-1', 'silent-2', 'silent-3']

/** The scores at a node with these neighbours on every topic, or those of a table. */
function account(neighbours: readonly string[] | Record<string, readonly string[]>) {
  const isList = (given: typeof neighbours): given is readonly string[] => Array.isArray(given)
  const news = new DeliveredNews((topic) => (isList(neighbours) ? neighbours : (neighbours[topic] ?? [])))
  return {
    news,
    /** This many news on a topic, brought by these peers. */
    bring: (times: number, topic: string, ...by: string[]) => {
      for (let i = 0; i < times; i++) news.delivered({ topic, by, viaMesh: true })
    },
  }
}

describe('what a peer has earned', () => {
  it('is nothing for a place in the mesh, however long it is held', () => {
    const { news, bring } = account([...SILENT, 'friend'])
    bring(1000, HEADS, 'friend')
    expect(SILENT.map((peer) => news.worth(peer))).toEqual([0, 0, 0])
    const { timeInMeshWeight, meshMessageDeliveriesWeight } = topicScore()
    expect([timeInMeshWeight, meshMessageDeliveriesWeight]).toEqual([0, 0])
  })

  it('is enough after one delivery to be tried, and after many is still less than one bad message costs', () => {
    const { news, bring } = account([...SILENT])
    bring(1, HEADS, 'friend')
    expect(news.worth('friend')).toBeGreaterThanOrEqual(SCORE.opportunisticGraft)
    bring(1000, HEADS, 'friend')
    for (let i = 0; i < 100; i++) bring(100, `log ${i}`, 'friend')
    expect(news.worth('friend')).toBe(MOST_EARNED)
    expect(MOST_EARNED + topicScore().invalidMessageDeliveriesWeight).toBeLessThan(0)
  })

  it('counts for those who brought the same before it was judged, each once', () => {
    const { news, bring } = account(['friend', 'second'])
    bring(1, HEADS, 'friend', 'second', 'second')
    expect([news.worth('friend'), news.worth('second')]).toEqual([1, 1])
  })

  it('is shared by eight neighbours without one falling below what is fair', () => {
    const friends = Array.from({ length: 8 }, (_, i) => `friend-${i}`)
    const { news, bring } = account(friends)
    for (let i = 0; i < 400; i++) bring(1, HEADS, friends[i % 8]!)
    const worth = friends.map((peer) => news.worth(peer))
    expect(Math.min(...worth)).toBeGreaterThan(SCORE.opportunisticGraft)
  })

  it('does not fade as long as there is no news, and does when others bring it', () => {
    const { news, bring } = account(['friend', 'other'])
    bring(10, HEADS, 'friend')
    const before = news.worth('friend')
    bring(100, OTHER, 'other')
    expect(news.worth('friend')).toBe(before)
    bring(14, HEADS, 'other')
    expect(news.worth('friend')).toBeLessThan(before / 2)
    bring(100, HEADS, 'other')
    expect(news.worth('friend')).toBe(0)
  })
})

describe('a mesh that withholds news', () => {
  it('costs a neighbour what it had earned before it fell silent', () => {
    const { news, bring } = account([...SILENT, 'sleeper'])
    bring(100, HEADS, 'sleeper')
    expect(news.worth('sleeper')).toBe(MOST_EARNED)
    bring(12, HEADS, 'outsider')
    expect(news.worth('sleeper')).toBeLessThan(SCORE.opportunisticGraft)
    expect(news.worth('outsider')).toBeGreaterThan(SCORE.opportunisticGraft)
  })

  it('is not made up for by what its members tell of another log', () => {
    const { news, bring } = account({ [HEADS]: SILENT, [OTHER]: SILENT })
    for (let i = 0; i < 12; i++) {
      bring(20, OTHER, ...SILENT)
      bring(1, HEADS, 'outsider')
    }
    expect(SILENT.map((peer) => news.worth(peer))).toEqual([0, 0, 0])
    expect(news.worth('outsider')).toBeGreaterThan(SCORE.opportunisticGraft)
  })

  it('is forgiven when one of them brings the news again', () => {
    const { news, bring } = account([...SILENT, 'friend'])
    bring(20, OTHER, 'friend')
    bring(12, HEADS, 'outsider')
    expect(news.worth('friend')).toBe(0)
    bring(1, HEADS, 'friend')
    expect(news.worth('friend')).toBe(MOST_EARNED)
  })

  it('is none for one message that was faster on another way', () => {
    const { news, bring } = account(['friend', 'second'])
    for (let i = 0; i < 20; i++) bring(1, HEADS, 'friend')
    bring(20, OTHER, 'second')
    for (let i = 0; i < 50; i++) {
      bring(1, HEADS, 'outsider')
      bring(4, HEADS, 'friend')
      expect(news.worth('friend')).toBeGreaterThan(SCORE.opportunisticGraft)
      expect(news.worth('second'), 'it was late each time').toBe(MOST_EARNED)
    }
  })

  it('does not exist without neighbours, or where news is sent to all peers', () => {
    const alone = account([])
    alone.bring(50, HEADS, 'outsider')
    expect(alone.news.worth('outsider')).toBe(MOST_EARNED)
    const { news, bring } = account(['friend'])
    bring(20, OTHER, 'friend')
    for (let i = 0; i < 50; i++) news.delivered({ topic: 'evidence', by: ['outsider'], viaMesh: false })
    expect(news.worth('friend')).toBe(MOST_EARNED)
  })
})

describe('what is remembered', () => {
  it('is nothing of a peer that is gone, and nothing of a topic that was left', () => {
    const { news, bring } = account(['friend'])
    bring(3, HEADS, 'friend')
    bring(3, OTHER, 'friend')
    news.left([HEADS])
    expect(news.worth('friend')).toBeCloseTo(1 + 0.95 + 0.95 ** 2)
    news.gone('friend')
    expect(news.worth('friend')).toBe(0)
  })

  it('is bounded though every delivery comes from a peer that is not seen again', () => {
    const { news, bring } = account([])
    for (let i = 0; i < 10_000; i++) bring(1, HEADS, `passer-by-${i}`)
    const remembered = Array.from({ length: 10_000 }, (_, i) => news.worth(`passer-by-${i}`)).filter((sum) => sum > 0)
    expect(remembered.length).toBeLessThan(100)
  })
})
