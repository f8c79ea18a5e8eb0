/** The witnesses of the demo: their keys, the policy that counts them, and a process for each. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadOrCreateWitnessKey } from '../../../keys/key-file.js'
import type { VerifierKey } from '../../../tlog/note.js'
import { Child } from './child.js'

interface WitnessesOptions {
  /** The folder of their homes. */
  readonly directory: string
  /** The key of the log that they follow. */
  readonly vkey: string
  /** The path of their policy. */
  readonly policy: string
  /** Seconds between polls: the log is on this machine, and grows when the demo says so. */
  readonly poll: number
}

/** A witness to start. */
interface Start {
  readonly number: number
  readonly home: string
  readonly logUrl: string
  readonly bootstrap: readonly string[]
}

/** The number of cosignatures that make a quorum: above two thirds, any two quorums share an honest witness. */
export function demoQuorum(count: number): number {
  return Math.floor((2 * count) / 3) + 1
}

export class DemoWitnesses {
  readonly #options: WitnessesOptions
  /** Those that run, and those that are starting. */
  readonly #starting: Promise<Child>[] = []

  constructor(options: WitnessesOptions) {
    this.#options = options
  }

  homeOf(number: number): string {
    return join(this.#options.directory, `node-${number}`)
  }

  /** Makes this many homes and keys, and the policy that counts them. */
  async make(count: number): Promise<void> {
    const keys: VerifierKey[] = []
    for (let number = 1; number <= count; number++) {
      const home = this.homeOf(number)
      await mkdir(home, { mode: 0o700 })
      const { signer } = await loadOrCreateWitnessKey(join(home, 'witness.key'), `witness-${number}.example`)
      keys.push(signer.verifier)
    }
    await writeFile(this.#options.policy, policyText(keys))
  }

  /** Starts a witness for each URL of the log. The others know only the first, and learn of each other from it. */
  async startAll(urls: readonly string[], timeout: () => AbortSignal): Promise<Child[]> {
    const start = (i: number, bootstrap: readonly string[]): Promise<Child> =>
      this.start({ number: i + 1, home: this.homeOf(i + 1), logUrl: urls[i]!, bootstrap }, timeout())
    const first = await start(0, [])
    const others = urls.slice(1).map((_, i) => start(i + 1, first.ready.multiaddrs))
    return [first, ...(await Promise.all(others))]
  }

  start({ number, home, logUrl, bootstrap }: Start, signal: AbortSignal): Promise<Child> {
    const { vkey, policy, poll } = this.#options
    const args = ['--home', home, '--log', `${vkey} ${logUrl}`, '--policy', policy, '--poll', String(poll)]
    const network = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns', '--http', '127.0.0.1:0']
    const peers = bootstrap.flatMap((address) => ['--bootstrap', address])
    const child = Child.start(number, [...args, ...network, ...peers], signal)
    this.#starting.push(child)
    return child
  }

  /** Stops all, including those that are starting. */
  async stop(): Promise<void> {
    const started = await Promise.allSettled(this.#starting)
    await Promise.all(started.flatMap((node) => (node.status === 'fulfilled' ? [node.value.stop()] : [])))
  }
}

function policyText(keys: readonly VerifierKey[]): string {
  const names = keys.map((_, i) => `w${i + 1}`)
  const witnesses = keys.map(({ vkey }, i) => `witness ${names[i]!} ${vkey}\n`)
  return `${witnesses.join('')}group all-of-us ${demoQuorum(keys.length)} ${names.join(' ')}\nquorum all-of-us\n`
}
