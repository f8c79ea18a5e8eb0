/** A module mirror whose answers a test sets. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MirrorView, ServedFile } from '../../src/http/mirror-door.js'
import type { MirrorOperator } from '../../src/http/mirror-operator.js'
import type { MirrorStatusView } from '../../src/status/mirror-shapes.js'
import { utf8 } from '../../src/tlog/bytes.js'

/** One that has every file, under any name. */
export const MIRROR_STATUS: MirrorStatusView = {
  upstreams: [
    { url: 'https://one.example', failingSince: null, reason: null },
    { url: 'file:///two', failingSince: '2026-01-02T03:04:05.000Z', reason: 'the folder is not there' },
  ],
  kept: { files: 3, bytes: 5 * 2 ** 20, maxBytes: 10 * 2 ** 30, damaged: 1 },
  cooldown: 7 * 86_400,
  existingAllowed: true,
  allowed: ['example.com/new@v1.0.0'],
  pinned: ['example.com/old@v0.1.0'],
  hidden: [{ path: 'example.com/hidden', versions: ['v1.1.0', 'v1.0.0'], count: 30 }],
  refused: [
    {
      ...{ at: '2026-01-02T03:04:05.000Z', path: 'example.com/bad', version: 'v1.0.0', kind: 'zip' },
      ...{ class: 'repacked zip', upstream: 'https://one.example', expected: 'h1:a=', got: 'h1:b=' },
      reason: 'another file is in it',
    },
    {
      ...{ at: '2026-01-02T03:04:05.000Z', path: 'example.com/odd', version: 'v1.0.0', kind: 'mod' },
      ...{ class: 'mirror only', upstream: 'https://one.example', expected: null, got: null, reason: 'no record' },
    },
  ],
}

/** The requests and operator commands, and how many files are being sent. */
export interface FakeMirror extends MirrorView, MirrorOperator {
  readonly asked: unknown[]
  readonly held: () => number
}

export function fakeMirror(changes: Partial<MirrorView & MirrorOperator> = {}): FakeMirror {
  const asked: unknown[] = []
  const ask =
    (text: string) =>
    (...what: unknown[]) => {
      // Without the last argument, which is the client.
      asked.push(what.slice(0, -1))
      return Promise.resolve(utf8(text))
    }
  const tell = (verb: string) => (module: unknown) => {
    asked.push([verb, module])
    return Promise.resolve()
  }
  return {
    asked,
    held: () => 0,
    file: () => Promise.reject(new Error('there are no files')),
    info: ask('{"Version":"v1.0.0"}'),
    latest: ask('{"Version":"v1.1.0"}'),
    list: ask('v1.0.0\nv1.1.0\n'),
    status: () => Promise.resolve(MIRROR_STATUS),
    allow: tell('allow'),
    pin: tell('pin'),
    unpin: tell('unpin'),
    ...changes,
  }
}

/** A mirror whose every file has these bytes; `held` is the number of files handed out and not released. */
export function mirrorOf(dir: string, bytes: Uint8Array, hash = 'h1:abcdefgh+/='): FakeMirror {
  let held = 0
  const path = join(dir, 'served')
  writeFileSync(path, bytes)
  const mirror: FakeMirror = fakeMirror({
    file: (module, kind): Promise<ServedFile> => {
      mirror.asked.push([module, kind])
      held++
      return Promise.resolve({
        file: path,
        size: bytes.length,
        hash,
        release: () => {
          held--
        },
      })
    },
  })
  return Object.assign(mirror, { held: () => held })
}
