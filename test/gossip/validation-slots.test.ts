import { describe, expect, it } from 'vitest'
import { ValidationSlots } from '../../src/gossip/validation-slots.js'

/** Takes slots until there is none; returns how many there were. */
function fill(places: ValidationSlots, peer: string, bytes = 300): number {
  let taken = 0
  while (places.take(peer, bytes) !== undefined) taken++
  return taken
}

describe('the validation slots of a topic', () => {
  it('are 512 for one peer, or as many messages as make 4 MiB', () => {
    expect(fill(new ValidationSlots(), 'a')).toBe(512)
    expect(fill(new ValidationSlots(), 'a', 65_536)).toBe(64)
  })

  it('are not exhausted for others by any number of peers that take all they can', () => {
    const places = new ValidationSlots()
    const greedy = Array.from({ length: 127 }, (_, i) => fill(places, `greedy ${i}`))
    expect(greedy.slice(0, 5)).toEqual([512, 512, 512, 512, 2048 - 4 * 480 + 32])
    expect(greedy.slice(5)).toEqual(Array(122).fill(32))
    expect(fill(places, 'honest')).toBe(32)
  })

  it('of each peer are for messages of at most 4 KiB: larger messages share a pool of 16 MiB', () => {
    const places = new ValidationSlots()
    for (let i = 0; i < 4; i++) expect(fill(places, `greedy ${i}`, 65_536)).toBe(64)
    expect(fill(places, 'large', 4097)).toBe(0)
    expect(fill(places, 'honest', 4096)).toBe(32)
  })

  it('are bounded although peers arrive, fill their own and leave', () => {
    const places = new ValidationSlots()
    let taken = 0
    for (let i = 0; i < 1000; i++) taken += fill(places, `passing ${i}`)
    expect(taken).toBe(2048 + 128 * 32)
  })

  it('can be taken by others once they are released', () => {
    const places = new ValidationSlots()
    for (let round = 0; round < 3; round++) {
      const leave = Array.from({ length: 64 }, () => places.take('a', 65_536)!)
      for (let i = 0; i < 3; i++) leave.push(...Array.from({ length: 64 }, () => places.take(`b ${i}`, 65_536)!))
      expect(places.take('c', 65_536)).toBeUndefined()
      for (const each of leave) each()
    }
    expect(fill(places, 'c', 65_536)).toBe(64)
  })
})
