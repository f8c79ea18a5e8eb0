/** The connections of a field whose nodes exist at once, and of one that grows. */
import { expect, test } from 'vitest'
import { Dice } from '../../scripts/simulate/dice.js'
import { Network, type Link, type Station } from '../../scripts/simulate/network.js'
import { Dialling } from '../../scripts/simulate/population.js'
import { coreForEach } from '../../scripts/simulate/processor.js'
import { VirtualTime } from '../../scripts/simulate/virtual-time.js'

class Place implements Station {
  readonly city = 0
  readonly isHonest = true
  readonly links: Link[] = []

  constructor(readonly id: number) {}

  connected(link: Link): void {
    this.links.push(link)
  }

  disconnected(): void {
    throw new Error('nobody leaves here')
  }

  receive(): void {
    throw new Error('nobody says anything here')
  }
}

function field(): { places: Place[]; dialling: Dialling } {
  const time = new VirtualTime()
  const network = new Network(time, coreForEach(time), new Dice(1), 0)
  return { places: Array.from({ length: 50 }, (_, i) => new Place(i)), dialling: new Dialling(network, new Dice(2)) }
}

test('in a field that grows, each node dials the first and enough of the others', () => {
  const { places, dialling } = field()
  dialling.joinInTurn(places)
  for (const { id, links } of places) {
    const dialled = links.filter(({ isOutbound }) => isOutbound).map(({ peer }) => peer.id)
    expect(dialled.every((peer) => peer < id)).toBe(true)
    expect(dialled.length).toBe(Math.min(id, 8))
    if (id > 0) expect(dialled).toContain(0)
  }
})

test('in a field that exists at once, each node has at least eight neighbours, and dialled at least four of them', () => {
  const { places, dialling } = field()
  for (const place of places) dialling.join(place, places)
  for (const { links } of places) {
    expect(links.length).toBeGreaterThanOrEqual(8)
    expect(links.filter(({ isOutbound }) => isOutbound).length).toBeGreaterThanOrEqual(4)
  }
})
