/**
 * The story of the demo: a log, N witnesses in processes of their own, and a quorum on each new head. Then the log
 * shows one of them another history, a witness signs both, and the log contradicts itself; every witness ends up with
 * the proofs. Succeeds only if all of that happened.
 */
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { lastingController } from '../../../lib/timed.js'
import { GossumError } from '../../../errors.js'
import { evidenceHeads, parseEvidence } from '../../../evidence/evidence.js'
import type { NodeEvent } from '../../../node/events.js'
import { fromUtf8, utf8 } from '../../../tlog/bytes.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../../tlog/note.js'
import { pasteable } from '../../ui/invocation.js'
import { tellNode } from '../../operator-client.js'
import type { Output } from '../../ui/output.js'
import { giveEvidence } from '../evidence/evidence-file.js'
import { NodeClient } from '../../node-client.js'
import { PROGRAM, type Child } from './child.js'
import { convictedByAuditor, verifiedByFreshProcess } from './fresh-process.js'
import { isAdvanced, isBadRecord, isConnected, isConviction, isQuorum, isSplitView } from './questions.js'
import { TwoFacedLog, VIEWS, type Lie } from './two-faced-log.js'
import { demoQuorum, DemoWitnesses } from './witnesses.js'
import { grouped } from '../../../lib/words.js'

/** Seconds between polls of a demo node: the log is on this machine, and grows when the story says so. */
const POLL_SECONDS = 0.5
/** Milliseconds that one step of the story may take. */
const STEP_TIMEOUT_MS = 60_000
/** Default name of the folder for evidence, in the directory of the demo. */
export const OWN_OUT = 'evidence'

/** The home of the auditor, in the directory of the demo. */
const AUDITOR = 'auditor'

/** How one lie was caught. Times are in milliseconds since it was told. */
interface Capture {
  readonly caughtBy: number
  readonly firstMs: number
  readonly allMs: number
  readonly evidence: string
  readonly verified: boolean
}

/** What a node reports about evidence that it holds. */
type Held = Extract<NodeEvent, { event: 'evidence' }>

export class Story {
  readonly #out: Output
  readonly #directory: string
  readonly #outDirectory: string
  readonly #count: number
  readonly #need: number
  readonly #startedAt = performance.now()
  readonly #signer: SignerKey
  /** Aborts every wait. */
  readonly #ended = lastingController()
  readonly #witnesses: DemoWitnesses
  #nodes: Child[] = []
  #log: Promise<TwoFacedLog> | undefined
  /** Whether evidence was written. */
  #found = false

  constructor(out: Output, directory: string, outDirectory: string, count: number) {
    this.#out = out
    this.#directory = directory
    this.#outDirectory = outDirectory
    this.#count = count
    this.#need = demoQuorum(count)
    this.#signer = makeSignerKey('demo.log.example', SIGNATURE_TYPES.ed25519, randomBytes(32))
    this.#witnesses = new DemoWitnesses({
      directory,
      vkey: this.#signer.verifier.vkey,
      policy: this.#policy,
      poll: POLL_SECONDS,
    })
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
    // The victim learns of it from the others: it must be where they are, or it would pass the lie on.
    const agreed = await log.appendHonest(12)
    await this.#everyone(this.#nodes, (node) => node.when(isAdvanced(agreed), this.#timeout()))
    const sameSize = await this.#capture(await log.fork(12), 'same-size', ([m, n]) => m === n)

    this.#say('')
    this.#say('The operators read the evidence and, to see more, let the log continue: gossum evidence ack')
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
    // Alone on its line, so that it can be pasted into a shell.
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

  /** Ends everything, whatever the state of the story. */
  async end(): Promise<void> {
    this.#ended.abort()
    await this.#witnesses.stop()
    const log = await this.#log?.catch(() => undefined)
    await log?.close()
    // What the demo found stays; what it needed for that is removed.
    const leftovers = [...VIEWS, 'elsewhere', AUDITOR].map((name) => join(this.#directory, name))
    const homes = Array.from({ length: this.#count }, (_, i) => this.#witnesses.homeOf(i + 1))
    await Promise.all([...leftovers, ...homes].map((path) => rm(path, { recursive: true, force: true })))
    if (!this.#found) await rm(this.#policy, { force: true }).catch(() => undefined)
    await removeIfEmpty(join(this.#directory, OWN_OUT))
    await removeIfEmpty(this.#directory)
  }

  /** Whose cosignatures count. It stays next to the evidence, since it names the key of the dishonest witness. */
  get #policy(): string {
    return join(this.#outDirectory, 'policy')
  }

  /** The witness whose key also signs elsewhere. */
  get #liar(): Child {
    return this.#nodes[0]!
  }

  get #victim(): Child {
    return this.#nodes.at(-1)!
  }

  /** Aborts when a step takes too long, or the story is over. */
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

  /** Prints one line of the story with the seconds since its start. Throws when the story is over. */
  #say(text: string): void {
    this.#ended.signal.throwIfAborted()
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(2).padStart(6)
    this.#out.story(text === '' ? '' : `${seconds}s  ${text}`)
  }

  async #startNodes(log: TwoFacedLog): Promise<void> {
    await this.#witnesses.make(this.#count)
    const urls = Array.from({ length: this.#count }, (_, i) => (i === this.#count - 1 ? log.victimUrl : log.honestUrl))
    const started = this.#witnesses.startAll(urls, () => this.#timeout())
    this.#nodes = await this.#out.progress(`starting ${this.#count} witnesses`, started)
    await this.#everyone(this.#nodes, (node) => node.when(isConnected, this.#timeout()))
    this.#say(`${this.#count} witnesses run, each in a process of its own, and found each other over libp2p.`)
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

  /** Waits until every node holds evidence and has frozen the log, and a fresh process has verified the file. */
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
   * The first evidence at a node that shows this lie. Evidence of an earlier lie may still arrive, and sizes alone do
   * not tell them apart, so each file is read.
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
   * Runs a second node with the key of an honest one: first in isolation, where the log shows it the other history and
   * no peer reports what the key has signed before; then among the others, which compare.
   */
  async #convict(log: TwoFacedLog): Promise<Capture & { readonly witness: string }> {
    const home = join(this.#directory, 'elsewhere')
    await mkdir(home, { mode: 0o700 })
    const key = join(this.#witnesses.homeOf(this.#liar.number), 'witness.key')
    await copyFile(key, join(home, 'witness.key'))
    const startElsewhere = (bootstrap: readonly string[]): Promise<Child> =>
      this.#witnesses.start({ number: this.#count + 1, home, logUrl: log.victimUrl, bootstrap }, this.#timeout())
    const alone = await startElsewhere([])
    await alone.when(isAdvanced(), this.#timeout())
    await alone.stop()
    const { multiaddrs } = this.#nodes[0]!.ready
    const startedAt = Date.now()
    await startElsewhere(multiaddrs)
    const holds = (node: Child): Promise<Held> => node.when(isConviction(this.#liar.ready.witness), this.#timeout())
    const { capture } = await this.#catch(startedAt, 'dishonest-witness', holds)
    this.#say('  and its cosignatures no longer count, until an operator decides otherwise')
    return { witness: this.#liar.ready.witness, ...capture }
  }

  /**
   * Has the log audited by a separate process, which writes evidence; submits that to one node, and waits for all
   * others.
   */
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

  /** Waits until every node holds such evidence, then writes and verifies the file of the first that did. */
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

  /** Acknowledges, at each node, all evidence that it holds by now. */
  async #acknowledge(known: string): Promise<void> {
    await this.#everyone(this.#nodes, async (node) => {
      const { evidence } = JSON.parse(fromUtf8(await node.ask('/api/v1/evidence'))!) as { evidence: { id: string }[] }
      for (const id of new Set([known, ...evidence.map((item) => item.id)])) {
        await tellNode(this.#witnesses.homeOf(node.number), `/api/v1/evidence/${id}/ack`)
      }
    })
  }

  #everyone<T>(nodes: readonly Child[], act: (node: Child) => Promise<T>): Promise<T[]> {
    return Promise.all(nodes.map(act))
  }
}

/** If nothing was found, the folder is removed. */
async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined)
}
