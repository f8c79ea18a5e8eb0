/**
 * Tests deploy/Dockerfile and deploy/compose.yaml without a container engine: hadolint and the library of docker
 * compose read them, each step of the Dockerfile is executed, and the services run as configured, in file systems and
 * networks of their own. Skipped without root, overlays or these programs; with REQUIRE_PEERS=1 it fails instead.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { Composition, standingOf, type Container, type Project } from '../helpers/compose.js'
import { readDockerfile } from '../helpers/dockerfile.js'
import { required } from '../helpers/go.js'
import { removeFolder } from '../helpers/home.js'
import { buildImage, imageObstacle, Root } from '../helpers/images.js'
import { findPeer } from '../helpers/peers.js'

const ROOT = new URL('../..', import.meta.url).pathname
const DOCKERFILE = join(ROOT, 'deploy/Dockerfile')
const COMPOSE = join(ROOT, 'deploy/compose.yaml')
const hadolint = findPeer('hadolint')
const composeconfig = findPeer('composeconfig')
const obstacle = imageObstacle()

test.skipIf(hadolint === undefined && !required)('hadolint has no objections to the Dockerfile', () => {
  expect(execFileSync(hadolint!, ['--failure-threshold', 'style', DOCKERFILE], { encoding: 'utf8' })).toBe('')
})

function project(): Project {
  return JSON.parse(execFileSync(composeconfig!, [COMPOSE], { encoding: 'utf8' })) as Project
}

test.skipIf(composeconfig === undefined && !required)(
  'the compose file publishes ports on the loopback address only',
  () => {
    const { services } = project()
    expect(Object.keys(services).toSorted()).toEqual([
      'keys',
      'log',
      'witness-1',
      'witness-2',
      'witness-3',
      'witness-4',
    ])
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
    expect(ports.map(({ published }) => published).toSorted()).toEqual(['47000', '47001', '47002', '47003', '47004'])
    for (const { host_ip } of ports) expect(host_ip).toBe('127.0.0.1')
  },
)

const stages = readDockerfile(DOCKERFILE)
const stage = stages.at(-1)!
const folder = mkdtempSync(join(tmpdir(), 'gossum-image-'))
afterAll(() => removeFolder(folder))
let built: Root | undefined
const image = (): Root => (built ??= buildImage(stages, ROOT, folder))

/** Polls `ask` until it returns true. Throws with the output if the container ends before that. */
async function until(ask: () => Promise<boolean> | boolean, container: Container): Promise<void> {
  let code: number | null | undefined
  void container.ended.then((of) => (code = of))
  while (!(await ask())) {
    if (code !== undefined) throw new Error(`ended with ${String(code)}: ${container.output()}`)
    await setTimeout(500)
  }
}

describe.skipIf((obstacle !== undefined || composeconfig === undefined) && !required)(
  `built and run as configured (${obstacle ?? 'possible here'})`,
  () => {
    test(
      'the image has only what it needs at run time, and its user can write only the home',
      { timeout: 400_000 },
      () => {
        expect(obstacle).toBeUndefined()
        const root = image()
        const has = (path: string): boolean => existsSync(join(root.upper, path))
        expect(['app/node_modules/libp2p', 'app/LICENSE', 'data'].map(has)).not.toContain(false)
        for (const path of [
          'app/src',
          'app/test',
          'app/.git',
          'app/node_modules/typescript',
          'app/node_modules/vitest',
        ])
          expect(has(path), path).toBe(false)
        const { uid, mode } = statSync(join(root.upper, 'data'))
        expect([uid, mode & 0o777]).toEqual([1000, 0o700])
        expect(stage).toMatchObject({ user: '1000:1000', volumes: ['/data'], exposed: [46786, 46787] })
        const inside = new Root(join(folder, 'version'), root)
        const confinement = { user: stage.user, env: stage.env, cwd: stage.workdir, powerless: true }
        inside.run([...stage.entrypoint, '--version'], confinement)
        expect(() => inside.run(['sh', '-c', 'touch /app/x'], confinement)).toThrow('Permission denied')
      },
    )

    test('four witnesses and a log start, and a fork reaches each witness', { timeout: 400_000 }, async () => {
      const composition = new Composition(project(), stage, image(), folder)
      const running = new Map<string, Container>()
      onTestFinished(() => {
        for (const { process } of running.values()) process.kill('SIGKILL')
        composition.remove()
      })
      const start = (name: string): Container => {
        const container = composition.start(name)
        running.set(name, container)
        return container
      }
      const healthy = (name: string): Promise<void> => {
        const container = running.get(name)!
        return until(() => composition.isHealthy(name, container), container)
      }
      start('log')
      await healthy('log')
      // A second start of the mesh finds its keys and keeps them.
      for (const round of [1, 2]) {
        const keys = start('keys')
        expect(await keys.ended, `${round}: ${keys.output()}`).toBe(0)
      }
      const witnesses = ['witness-1', 'witness-2', 'witness-3', 'witness-4']
      for (const name of witnesses) start(name)
      for (const name of witnesses) await healthy(name)
      for (const name of witnesses)
        expect(standingOf(running.get(name)!)).toEqual({ uid: '1000', capabilities: '0000000000000000' })

      // Something listens at each published port.
      const { services } = project()
      for (const name of ['log', ...witnesses]) {
        const { target } = services[name]!.ports![0]!
        expect((await fetch(`http://${composition.addressOf(name)}:${target}/`)).status).toBe(200)
      }
      const status = (await (
        await fetch(`http://${composition.addressOf('witness-4')}:46787/api/v1/status`)
      ).json()) as {
        readonly logs: readonly { readonly quorum: { readonly need: number; readonly size: number | null } }[]
      }
      expect(JSON.stringify(status.logs[0])).toContain('"witness-1.example')

      expect((await fetch(`http://${composition.addressOf('log')}:46789/fork`, { method: 'POST' })).status).toBe(200)
      for (const name of witnesses) {
        const url = `http://${composition.addressOf(name)}:46787/api/v1/evidence`
        const holds = async (): Promise<boolean> =>
          ((await (await fetch(url)).json()) as { evidence: unknown[] }).evidence.length > 0
        await until(holds, running.get(name)!)
        // A frozen witness is not ready, so its health check fails.
        await until(() => !composition.isHealthy(name, running.get(name)!), running.get(name)!)
      }
      for (const name of ['log', ...witnesses]) {
        running.get(name)!.process.kill('SIGTERM')
        expect(await running.get(name)!.ended, name).toBe(0)
      }
      const policy = readFileSync(join(folder, 'volumes/mesh/shared/policy'), 'utf8')
      expect(policy).toContain('group all-of-us 3 witness-1 witness-2 witness-3 witness-4')
    })
  },
)
