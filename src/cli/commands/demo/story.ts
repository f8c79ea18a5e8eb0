/**
 * The story of the demo: a log, N witnesses in processes of their own, a quorum on each new head; then the log shows one
 * of them another history, a witness signs both, and the log contradicts itself: every one of them ends up with the proofs.
 * Succeeds only when all of that happened.
 */
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { lastingController } from '../../../lib/timed.js'
import { GossumError } from '../../../errors.js'
import { loadOrCreateWitnessKey } from '../../../keys/key-file.js'
import { evidenceHeads, parseEvidence } from '../../../evidence/evidence.js'
import type { NodeEvent } from '../../../node/events.js'
import { fromUtf8, utf8 } from '../../../tlog/bytes.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES, type SignerKey, type VerifierKey } from '../../../tlog/note.js'
import { pasteable } from '../../ui/invocation.js'
import { tellNode } from '../../operator-client.js'
import type { Output } from '../../ui/output.js'
import { giveEvidence } from '../evidence/evidence-file.js'
import { NodeClient } from '../../node-client.js'
import { Child, PROGRAM } from './child.js'
import { convictedByAuditor, verifiedByFreshProcess } from './fresh-process.js'
import { isAdvanced, isBadRecord, isConnected, isConviction, isQuorum, isSplitView } from './questions.js'
import { TwoFacedLog, VIEWS, type Lie } from './two-faced-log.js'
import { grouped } from '../../../lib/words.js'

/** Seconds between polls of a demo node: the log is on this machine and moves when we say. */
const POLL_SECONDS = 0.5
/** The longest that one step of the story may take, in milliseconds. */
const STEP_TIMEOUT_MS = 60_000
/** Where the evidence goes unless somebody says otherwise, in the directory of the demo. */
export const OWN_OUT = 'evidence'

/** The home of the auditor, in the directory of the demo. */
const AUDITOR = 'auditor'

/** How one lie was caught. Times in milliseconds from the moment it was told. */
interface Capture {
  readonly caughtBy: number
  readonly firstMs: number
  readonly allMs: number
  readonly evidence: string
  readonly verified: boolean
}

/** What a node tells of evidence that it holds. */
type Held = Extract<NodeEvent, { event: 'evidence' }>

export class Story {
  readonly #out: Output
  readonly #directory: string
  readonly #outDirectory: string
  readonly #count: number
  /** Cosignatures that make a quorum: with more than two thirds, two quorums share an honest witness. */
  readonly #need: number
  readonly #startedAt = performance.now()
  readonly #signer: SignerKey
  /** Ends every wait. */
  readonly #ended = lastingController()
  /** Those that run and those that are about to. */
  readonly #starting: Promise<Child>[] = []
  #nodes: Child[] = []
  #log: Promise<TwoFacedLog> | undefined
  /** Whether evidence was written. */
  #found = false

  constructor(out: Output, directory: string, outDirectory: string, count: number) {
    this.#out = out
    this.#directory = directory
    this.#outDirectory = outDirectory
    this.#count = count
    this.#need = Math.floor((2 * count) / 3) + 1
    this.#signer = makeSignerKey('demo.log.example', SIGNATURE_TYPES.ed25519, randomBytes(32))
  }

  async tell(): Promise<void> {
    const key = this.#signer.verifier
    this.#say('A log is born. Its verifier key is all that anyone has to know:')
    this.#say(`  ${key.vkey}`)
    this.#log = TwoFacedLog.start(this.#directory, this.#signer)
    const log = await this.#log
    await log.append(100)
    await this.#startNodes(log)

    this.#say('')
    this.#say(`The log grows. A head counts when ${this.#need} of ${this.#count} witnesses cosigned it:`)
    let quorum = { size: 0, have: 0, ms: 0 }
    for (const records of [20, 300, 7]) quorum = await this.#growToQuorum(log, records)

    this.#say('')
    this.#say(
      `The log lies. It signs another history and shows it to node ${this.#victim.number} alone, at the same size:`,
    )
    // The victim learns of it from the others: it must stand where they stand, or it would carry the lie on.
    const agreed = await log.appendHonest(12)
    await this.#everyone(this.#nodes, (node) => node.when(isAdvanced(agreed), this.#timeout()))
    const sameSize = await this.#capture(await log.fork(12), 'same-size', ([m, n]) => m === n)

    this.#say('')
    this.#say('The operators read the evidence and, to see more, let the log go on: gossum evidence ack')
    await this.#acknowledge(sameSize.id)
    const honestSize = await log.appendHonest(40)
    await this.#everyone(this.#nodes, (node) => node.when(isAdvanced(honestSize), this.#timeout()))
    this.#say(
      `All nodes are at size ${grouped(honestSize)}. Now the victim is shown a third history, smaller than that:`,
    )
    const splitView = await this.#capture(await log.fork(21), 'different-size', ([m, n]) => m < n)

    this.#say('')
    this.#say(`Witness ${this.#liar.number} is dishonest: somewhere else its key signs the other history, too.`)
    const dishonest = await this.#convict(log)

    this.#say('')
    this.#say(
      'The log takes a second record of one module version, with another hash. Each head extends the one before,',
    )
    this.#say('so no witness can see it. An auditor reads every record:')
    const badRecord = await this.#audit(log)

    this.#say('')
    this.#say(`Anyone can check it, now and for ever, offline:`)
    const check = ['verify', '--log', key.vkey, resolve(splitView.capture.evidence)]
    // Alone on its line: a shell takes it as it stands.
    const command = pasteable(check, { env: process.env, node: process.execPath, program: PROGRAM })
    this.#out.story(command)
    this.#out.json({
      nodes: this.#count,
      log: key.vkey,
      size: quorum.size,
      quorum: { need: this.#need, have: quorum.have, ms: quorum.ms },
      splitView: splitView.capture,
      sameSize: sameSize.capture,
      dishonest,
      badRecord,
    })
  }

  /** Ends what is still going on, in any state of the story. */
  async end(): Promise<void> {
    this.#ended.abort()
    const started = await Promise.allSettled(this.#starting)
    await Promise.all(started.flatMap((node) => (node.status === 'fulfilled' ? [node.value.stop()] : [])))
    const log = await this.#log?.catch(() => undefined)
    await log?.close()
    // What the demo found stays; what it needed to find it goes.
    const homes = Array.from({ length: this.#count }, (_, i) => `node-${i + 1}`)
    const leftovers = [...VIEWS, 'elsewhere', AUDITOR, ...homes].map((name) => join(this.#directory, name))
    await Promise.all(leftovers.map((path) => rm(path, { recursive: true, force: true })))
    if (!this.#found) await rm(this.#policy, { force: true }).catch(() => undefined)
    await removeIfEmpty(join(this.#directory, OWN_OUT))
    await removeIfEmpty(this.#directory)
  }

  #homeOf(number: number): string {
    return join(this.#directory, `node-${number}`)
  }

  /** Whose cosignatures count; it stays beside the evidence, for it names the key of the dishonest witness. */
  get #policy(): string {
    return join(this.#outDirectory, 'policy')
  }

  /** The witness whose key signs elsewhere, too. */
  get #liar(): Child {
    return this.#nodes[0]!
  }

  get #victim(): Child {
    return this.#nodes.at(-1)!
  }

  /** When a step takes too long, or the story is over. */
  #timeout(): AbortSignal {
    const step = new AbortController()
    const tooLong = (): void => step.abort(new GossumError('TIMEOUT', `a step of the demo took ${STEP_TIMEOUT_MS} ms`))
    const timer = globalThis.setTimeout(tooLong, STEP_TIMEOUT_MS)
    const onEnd = (): void => {
      clearTimeout(timer)
      step.abort(this.#ended.signal.reason)
    }
    this.#ended.signal.addEventListener('abort', onEnd, { once: true })
    if (this.#ended.signal.aborted) onEnd()
    return step.signal
  }

  /** One line of the story, with the seconds since its start. Throws when the story is over. */
  #say(text: string): void {
    this.#ended.signal.throwIfAborted()
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(2).padStart(6)
    this.#out.story(text === '' ? '' : `${seconds}s  ${text}`)
  }

  async #startNodes(log: TwoFacedLog): Promise<void> {
    const homes = Array.from({ length: this.#count }, (_, i) => this.#homeOf(i + 1))
    const keys: VerifierKey[] = []
    for (const [i, home] of homes.entries()) {
      await mkdir(home, { mode: 0o700 })
      const { signer } = await loadOrCreateWitnessKey(join(home, 'witness.key'), `witness-${i + 1}.example`)
      keys.push(signer.verifier)
    }
    await writeFile(this.#policy, policyText(keys, this.#need))

    const startNode = (i: number, bootstrap: readonly string[]): Promise<Child> => {
      const url = i === this.#count - 1 ? log.victimUrl : log.honestUrl
      return this.#startNode(i + 1, homes[i]!, url, bootstrap)
    }
    // The first node is whom the others know; from it they learn of each other.
    this.#nodes = [await startNode(0, [])]
    const others = homes.slice(1).map((_, i) => startNode(i + 1, this.#nodes[0]!.ready.multiaddrs))
    this.#nodes.push(...(await this.#out.progress(`starting ${this.#count} witnesses`, Promise.all(others))))
    await this.#everyone(this.#nodes, (node) => node.when(isConnected, this.#timeout()))
    this.#say(`${this.#count} witnesses run, each in a process of its own, and found each other over libp2p.`)
  }

  #startNode(number: number, home: string, logUrl: string, bootstrap: readonly string[]): Promise<Child> {
    this.#ended.signal.throwIfAborted()
    const args = ['--home', home, '--log', `${this.#signer.verifier.vkey} ${logUrl}`, '--policy', this.#policy]
    const network = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns', '--http', '127.0.0.1:0']
    const peers = bootstrap.flatMap((address) => ['--bootstrap', address])
    const child = Child.start(number, [...args, ...network, ...peers, '--poll', String(POLL_SECONDS)], this.#timeout())
    this.#starting.push(child)
    return child
  }

  async #growToQuorum(log: TwoFacedLog, records: number): Promise<{ size: number; have: number; ms: number }> {
    const publishedAt = Date.now()
    const size = await log.append(records)
    const quorums = await this.#everyone(this.#nodes, (node) => node.when(isQuorum(size), this.#timeout()))
    const ms = Math.max(...quorums.map(({ at }) => Date.parse(at))) - publishedAt
    const have = Math.max(...quorums.map(({ cosignatures }) => cosignatures.length))
    this.#say(`  size ${grouped(size).padStart(5)}: quorum at every node ${ms} ms after the log published it`)
    return { size, have, ms }
  }

  /** Waits until every node holds evidence, has frozen the log, and a fresh process has verified the file. */
  async #capture(
    lie: Lie,
    label: string,
    isSought: (sizes: readonly [number, number]) => boolean,
  ): Promise<{ id: string; capture: Capture }> {
    const holds = (node: Child): Promise<Held> => this.#holding(node, lie, isSought)
    const caught = await this.#catch(lie.shownAt, label, holds, async () => {
      await this.#everyone(this.#nodes, (node) => node.untilFrozen(this.#timeout()))
      this.#say('  and have frozen the log: they cosign nothing more of it')
    })
    this.#say(`  a fresh process, given only the file and the log's key, says: valid`)
    return caught
  }

  /**
   * The first evidence at a node that shows this lie. What an earlier one left behind may come at any time: of it the sizes
   * say nothing, so each file is read.
   */
  async #holding(node: Child, lie: Lie, isSought: (sizes: readonly [number, number]) => boolean): Promise<Held> {
    const looked = new Set<string>()
    for (;;) {
      const event = await node.when(isSplitView(isSought, looked), this.#timeout())
      looked.add(event.id)
      const evidence = parseEvidence(await node.ask(`/api/v1/evidence/${event.id}`))
      if (evidenceHeads(evidence).some((head) => parseNote(utf8(head)).text === lie.text)) return event
    }
  }

  /**
   * Runs a second node with the key of an honest one: first by itself, where the log shows it the other history and
   * nobody says what the key has signed before; then among the others, who compare.
   */
  async #convict(log: TwoFacedLog): Promise<Capture & { readonly witness: string }> {
    const home = join(this.#directory, 'elsewhere')
    await mkdir(home, { mode: 0o700 })
    const key = join(this.#directory, `node-${this.#liar.number}`, 'witness.key')
    await copyFile(key, join(home, 'witness.key'))
    const alone = await this.#startNode(this.#count + 1, home, log.victimUrl, [])
    await alone.when(isAdvanced(), this.#timeout())
    await alone.stop()
    const { multiaddrs } = this.#nodes[0]!.ready
    const startedAt = Date.now()
    await this.#startNode(this.#count + 1, home, log.victimUrl, multiaddrs)
    const holds = (node: Child): Promise<Held> => node.when(isConviction(this.#liar.ready.witness), this.#timeout())
    const { capture } = await this.#catch(startedAt, 'dishonest-witness', holds)
    this.#say('  and its cosignatures count no more, until an operator says otherwise')
    return { witness: this.#liar.ready.witness, ...capture }
  }

  /** Has the log audited by a process of its own, which leaves evidence; brings that to one node, and all hold it. */
  async #audit(log: TwoFacedLog): Promise<Capture> {
    const module = await log.contradict()
    const home = join(this.#directory, AUDITOR)
    const path = join(home, 'evidence.json')
    await mkdir(home, { mode: 0o700 })
    if (!(await convictedByAuditor(log.honestUrl, this.#signer.verifier, home, path)))
      throw new GossumError('EVIDENCE_UNPROVEN', 'the audit found nothing')
    this.#say(`  the auditor found two records of ${module}, and made a proof of them`)
    const startedAt = Date.now()
    await giveEvidence(new NodeClient(this.#nodes[0]!.ready.http), parseEvidence(await readFile(path)))
    const holds = (node: Child): Promise<Held> => node.when(isBadRecord, this.#timeout())
    const { capture } = await this.#catch(startedAt, 'bad-record', holds)
    return capture
  }

  /** Waits until every node holds such evidence, and writes and verifies the file of the first that did. */
  async #catch(
    since: number,
    label: string,
    holds: (node: Child) => Promise<Held>,
    then: () => Promise<void> = () => Promise.resolve(),
  ): Promise<{ id: string; capture: Capture }> {
    const events = await this.#everyone(this.#nodes, holds)
    const times = events.map(({ at }) => Date.parse(at) - since)
    const [firstMs, allMs] = [Math.min(...times), Math.max(...times)]
    const first = this.#nodes[times.indexOf(firstMs)]!
    const { id, sizes, records } = events[times.indexOf(firstMs)]!
    const shown = records === undefined ? 'two signed heads, sizes' : 'one signed head, records'
    const numbers = (records ?? sizes).map(grouped).join(' and ')
    this.#say(`  node ${first.number} holds the proof after ${firstMs} ms: ${shown} ${numbers}`)
    this.#say(`  all ${events.length} nodes hold it after ${allMs} ms`)
    await then()

    this.#found = true
    const path = join(this.#outDirectory, `${label}-${id}.json`)
    await writeFile(path, await first.ask(`/api/v1/evidence/${id}`))
    const verified = await verifiedByFreshProcess(path, this.#signer.verifier, this.#policy)
    if (!verified) throw new GossumError('EVIDENCE_UNPROVEN', path)
    return { id, capture: { caughtBy: events.length, firstMs, allMs, evidence: path, verified } }
  }

  /** What an operator says at each node, for every evidence that it holds by now. */
  async #acknowledge(known: string): Promise<void> {
    await this.#everyone(this.#nodes, async (node) => {
      const { evidence } = JSON.parse(fromUtf8(await node.ask('/api/v1/evidence'))!) as { evidence: { id: string }[] }
      for (const id of new Set([known, ...evidence.map((item) => item.id)])) {
        await tellNode(this.#homeOf(node.number), `/api/v1/evidence/${id}/ack`)
      }
    })
  }

  #everyone<T>(nodes: readonly Child[], act: (node: Child) => Promise<T>): Promise<T[]> {
    return Promise.all(nodes.map(act))
  }
}

/** Nothing was found: nothing stays. */
async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined)
}

function policyText(keys: readonly VerifierKey[], need: number): string {
  const names = keys.map((_, i) => `w${i + 1}`)
  const witnesses = keys.map(({ vkey }, i) => `witness ${names[i]!} ${vkey}\n`)
  return `${witnesses.join('')}group all-of-us ${need} ${names.join(' ')}\nquorum all-of-us\n`
}
