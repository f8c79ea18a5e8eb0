/**
 * A node that mirrors modules, in a process of its own; its log and its upstream are in this process, and both can
 * misbehave. For all tests of a file: made in beforeAll, stopped in afterAll.
 */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { GoUser, removeTree, type GoCommand, type GoResult, type GoSettings } from './go.js'
import { ModuleFolder, pathOf, type Made } from './module-folder.js'
import { RunningNode } from './node.js'

/** The key of the log. */
export const SIGNER = makeSignerKey('localhost.localdev/sumdb', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))

export class Mirrored {
  /** For folders of the tests. */
  readonly root: string
  readonly log: LyingLog
  readonly upstream: LyingLog<ModuleFolder>
  #node!: RunningNode
  readonly #ends: (() => void)[] = []

  private constructor(root: string, log: LyingLog, upstream: LyingLog<ModuleFolder>) {
    this.root = root
    this.log = log
    this.upstream = upstream
  }

  /**
   * A node with these arguments in addition to its log and its mirror. The log has the modules, among other records.
   */
  static async start(modules: readonly Made[], args: readonly string[] = []): Promise<Mirrored> {
    const root = await mkdtemp(join(tmpdir(), 'gossum-mirror-'))
    const folder = new ModuleFolder(join(root, 'upstream'))
    await folder.put(...modules)
    const records = [...madeUpRecords(0, 300), ...modules.map(({ record }) => record), ...madeUpRecords(300, 400)]
    const log = await LyingLog.start(await memoryLog(SIGNER, records))
    const mirrored = new Mirrored(root, log, await LyingLog.start(folder))
    await mkdir(mirrored.home)
    await mirrored.run(args)
    return mirrored
  }

  get home(): string {
    return join(this.root, 'node')
  }

  get node(): RunningNode {
    return this.#node
  }

  /** The value of GOPROXY for the go command. */
  get goproxy(): string {
    return `${this.node.ready.http}/mod`
  }

  /** Starts the node, again after it has ended, and waits until it has a head. */
  async run(args: readonly string[]): Promise<void> {
    this.#node = await RunningNode.start(this.home, this.args(args), {}, (end) => this.#ends.push(end))
    await this.node.event(({ event }) => event === 'outcome')
  }

  /** The arguments of such a node. */
  args(more: readonly string[] = []): string[] {
    const log = `${SIGNER.verifier.vkey} ${this.log.url}`
    return ['--log', log, '--poll', '0.5', '--mirror', this.upstream.url, ...more]
  }

  /** Adds modules to the upstream and to the log. */
  async publish(...modules: readonly Made[]): Promise<void> {
    await this.upstream.history.put(...modules)
    await this.log.history.append(modules.map(({ record }) => record))
  }

  /** Runs a go command of a user with empty caches; unless set otherwise, the node is its only GOPROXY. */
  async go(go: GoCommand, args: readonly string[], settings: Partial<GoSettings> = {}): Promise<GoResult> {
    return (await this.user(go)).run(args, { ...this.settings, ...settings })
  }

  get settings(): GoSettings {
    return { GOPROXY: this.goproxy, GOSUMDB: SIGNER.verifier.vkey }
  }

  user(go: GoCommand): Promise<GoUser> {
    return GoUser.create(go, this.root)
  }

  /** Requests a file of a module version from the mirror. */
  file(made: { path: string; version: string }, kind: 'info' | 'mod' | 'zip', init?: RequestInit): Promise<Response> {
    return fetch(`${this.goproxy}/${pathOf(made, kind)}`, init)
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) end()
    await Promise.all([this.log.close(), this.upstream.close()])
    await removeTree(this.root)
  }
}
