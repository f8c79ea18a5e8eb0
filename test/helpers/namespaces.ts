/**
 * A network of network namespaces (Linux, root): two halves, each a bridge with nodes on it, and one link between the
 * two that can be cut. Nodes meet in one subnet that spans both halves. Each half has another subnet that includes this
 * process, which serves it a log and queries its nodes. There is no route to anywhere else.
 */
import { execFileSync } from 'node:child_process'
import type { Network } from './network.js'

/** The host number of this process in the subnet of each half. */
const US = 126

/**
 * Builds it; returns the reason, as a string, if the kernel or missing privileges do not allow it. Remove it at the
 * end.
 */
export function startNamespaces(nodes: number, half: (index: number) => 0 | 1): Network | string {
  const name = `gossum-${process.pid}`
  const third = process.pid % 256
  // 198.18.0.0/15 is reserved for tests of networks (RFC 2544): it contains no real addresses.
  const mesh = (index: number): string => `198.18.${third}.${index + 1}`
  const control = (side: 0 | 1, host: number): string => `198.19.${third}.${side * 128 + host}`
  const sides = [0, 1] as const
  const names: string[] = []
  const legs: string[] = []

  const remove = (): Promise<void> => {
    for (const leg of legs.splice(0)) quietly(() => ip('link', 'del', leg))
    for (const namespace of names.splice(0)) quietly(() => ip('netns', 'del', namespace))
    return Promise.resolve()
  }
  const addNamespace = (namespace: string): string => {
    ip('netns', 'add', namespace)
    names.push(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }

  try {
    const hub = addNamespace(`${name}-hub`)
    for (const side of sides) {
      ip('-n', hub, 'link', 'add', `bridge${side}`, 'type', 'bridge')
      ip('-n', hub, 'link', 'set', `bridge${side}`, 'up')
      const leg = `gsm${process.pid}s${side}`
      ip('link', 'add', leg, 'type', 'veth', 'peer', 'name', `us${side}`, 'netns', hub)
      legs.push(leg)
      ip('addr', 'add', `${control(side, US)}/25`, 'dev', leg)
      ip('link', 'set', leg, 'up')
      attach(hub, `us${side}`, side)
    }
    ip('-n', hub, 'link', 'add', 'link0', 'type', 'veth', 'peer', 'name', 'link1')
    for (const side of sides) attach(hub, `link${side}`, side)
    for (let i = 0; i < nodes; i++) {
      const namespace = addNamespace(`${name}-${i}`)
      ip('-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `node${i}`, 'netns', hub)
      ip('-n', namespace, 'addr', 'add', `${mesh(i)}/24`, 'dev', 'eth0')
      ip('-n', namespace, 'addr', 'add', `${control(half(i), i + 1)}/25`, 'dev', 'eth0')
      ip('-n', namespace, 'link', 'set', 'eth0', 'up')
      attach(hub, `node${i}`, half(i))
    }
    const set = (state: 'up' | 'down'): Promise<void> => {
      ip('-n', hub, 'link', 'set', 'link0', state)
      return Promise.resolve()
    }
    return {
      logHosts: sides.map((side) => control(side, US)),
      prefix: (index) => ['ip', 'netns', 'exec', `${name}-${index}`],
      addresses: (index) => ({ mesh: mesh(index), http: control(half(index), index + 1) }),
      cut: () => set('down'),
      heal: () => set('up'),
      remove,
    }
  } catch (error) {
    void remove()
    return error instanceof Error ? error.message : String(error)
  }
}

function attach(hub: string, port: string, side: 0 | 1): void {
  ip('-n', hub, 'link', 'set', port, 'master', `bridge${side}`, 'up')
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 })
}

function quietly(act: () => void): void {
  try {
    act()
  } catch {
    // It was never created, or disappeared with its peer.
  }
}
