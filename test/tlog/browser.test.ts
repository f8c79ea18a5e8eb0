import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as tlog from '../../src/tlog/index.js'
import { readVectors, vectorUrl } from '../helpers/vectors.js'
import { removeFolder } from '../helpers/home.js'

/** The promised exports of `gossum/tlog`. */
const PROMISED = [
  'parseNote formatNote parseVerifierKey verifyNote parseCheckpoint formatCheckpoint verifyCosignature',
  'hashLeaf hashNode checkTree checkRecord ProofError tileForIndex tilePath parseTilePath parsePolicy',
].flatMap((names) => names.split(' '))

describe('gossum/tlog', () => {
  it.each(PROMISED)('has %s', (name) => {
    expect(typeof (tlog as Record<string, unknown>)[name]).toBe('function')
  })
})

describe('in a browser', () => {
  let directory: string
  let bundle: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'gossum-browser-'))
    await build({
      configFile: false,
      root: directory,
      logLevel: 'silent',
      // As a bundler sees the sources without the "node" condition.
      resolve: { conditions: ['gossum-source', 'browser'] },
      build: {
        lib: {
          entry: fileURLToPath(new URL('../../src/tlog/index.ts', import.meta.url)),
          formats: ['iife'],
          name: 'tlog',
          fileName: () => 'tlog.js',
        },
        outDir: directory,
        emptyOutDir: false,
        minify: false,
      },
    })
    bundle = readFileSync(join(directory, 'tlog.js'), 'utf8')
  })

  afterAll(() => removeFolder(directory))

  it('nothing from Node is bundled', () => {
    // Comments and messages may mention Node; code must not use it.
    const reaches = /['"`]node:|__vite-browser-external|\brequire\(|\bBuffer[.(]|\bprocess\.[a-z]/g
    expect(bundle.match(reaches) ?? []).toEqual([])
  })

  it('a genuine head and a proof are verified with only what browsers have', () => {
    // A realm without Node's globals. Web platform functions that are not part of the language are provided.
    const { vkey, checkpoints } = readVectors('sumdb-checkpoints.json') as {
      vkey: string
      checkpoints: { note: string }[]
    }
    const context = vm.createContext({ TextEncoder, TextDecoder, atob, btoa })
    vm.runInContext(`${bundle}\nglobalThis.tlog = tlog`, context)
    const run = (note: string): unknown => {
      Object.assign(context, { note, vkey })
      return vm.runInContext(
        `(() => {
          const parsed = tlog.parseNote(new TextEncoder().encode(note))
          try { tlog.verifyNote(parsed, tlog.parseVerifierKey(vkey)) } catch (error) { return error.code }
          return tlog.parseCheckpoint(parsed.text).size
        })()`,
        context,
      )
    }
    const { note } = checkpoints[0]!
    expect(run(note)).toBe(tlog.parseCheckpoint(tlog.parseNote(new TextEncoder().encode(note)).text).size)
    expect(run(note.replace('\n\n', '0\n\n'))).toBe('SIGNATURE_INVALID')

    Object.assign(context, { argon: readFileSync(vectorUrl('argon2020.json'), 'utf8') })
    const proven: unknown = vm.runInContext(
      `(() => {
        const a = JSON.parse(argon), c = a.consistency
        const hashes = c.proof.map(tlog.parseHash)
        tlog.checkTree(hashes, a.tree_size, tlog.parseHash(a.tree_root), c.old_size, tlog.parseHash(c.old_root))
        try { tlog.checkTree(hashes, a.tree_size, tlog.parseHash(a.tree_root), c.old_size + 1, tlog.parseHash(c.old_root)) }
        catch (error) { return error instanceof tlog.ProofError }
      })()`,
      context,
    )
    expect(proven).toBe(true)
  })
})
