/** A thousand connections from one address: silent ones, and ones that finish every handshake. */
import { connect as connectTcp, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { isPeer } from '../helpers/fleet-node.js'
import { expectBounded, pause, startArena } from './arena.js'
import { Attacker } from './attacker.js'

/** Another address of this machine: the honest nodes use a different one. */
const ELSEWHERE = '127.66.6.6'
const SILENT = 1_000
const HANDSHAKES = 1_000
const HOSTS = 30
/** The maximum number of connections of a node from one address, and in all (src/gossip/host/host.ts). */
const MOST_PER_ADDRESS = 64

/** Keeps this many silent connections open; each that the victim closes is opened again. */
async function keepSilent(count: number, port: number, signal: AbortSignal): Promise<void> {
  const sockets = new Set<Socket>()
  const open = (): void => {
    const socket = connectTcp({ host: '127.0.0.1', port, localAddress: ELSEWHERE })
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  }
  while (!signal.aborted) {
    for (let i = 0; i < 100 && sockets.size < count; i++) open()
    await pause(50)
  }
  for (const socket of sockets) socket.destroy()
}

test('a thousand connections from one address, and a newcomer still gets in', async () => {
  const arena = await startArena()
  const port = Number(/\/tcp\/(\d+)/.exec(arena.address)![1])
  const damage = await arena.attack([], async (signal) => {
    const silent = keepSilent(SILENT, port, signal)
    // The flood has begun when the newcomer connects.
    await pause(1_000)
    const newcomer = await arena.fleet.add()
    await newcomer.when('connection to the victim', isPeer(true, arena.victim.ready.peerId), 25_000)
    await silent
  })
  expectBounded(damage)
})

test('a thousand handshakes from one address', async () => {
  const arena = await startArena()
  const attackers = await Promise.all(Array.from({ length: HOSTS }, () => Attacker.start(arena.address)))
  let most = 0
  let made = 0
  const damage = await arena.attack(
    attackers.map(({ peerId }) => peerId),
    async () => {
      while (made < HANDSHAKES) {
        made += attackers.length
        await Promise.all(attackers.map((attacker) => attacker.connectAgain()))
        const { peers } = (await arena.victim.json('/api/v1/peers')) as { peers: unknown[] }
        most = Math.max(most, peers.length)
      }
    },
  )
  expectBounded(damage)
  expect(attackers.some(({ cut }) => cut > 0)).toBe(true)
  expect(most).toBeLessThanOrEqual(MOST_PER_ADDRESS)
  // Earlier peers are still connected.
  const { peers } = (await arena.victim.json('/api/v1/peers')) as { peers: { peerId: string }[] }
  const ids = peers.map(({ peerId }) => peerId)
  for (const node of arena.fleet.nodes.slice(1)) expect(ids).toContain(node.ready.peerId)
})
