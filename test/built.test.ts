/** Tests of the built program use a build of the current sources, or fail with a message. */
import { cpSync, mkdirSync, readdirSync, readFileSync, appendFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { requireFresh } from './helpers/built.js'
import { temporaryHome } from './helpers/home.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

test('an outdated or missing build is refused', () => {
  expect(() => requireFresh('a', 'a')).not.toThrow()
  expect(() => requireFresh('a', 'b')).toThrow('dist/ is older than src/: npm run build')
  expect(() => requireFresh(undefined, 'b')).toThrow('dist/ is not built: npm run build')
})

test('a change of a source or of the compiler changes the hash, and a new file time does not', async () => {
  const copy = temporaryHome()
  mkdirSync(join(copy, 'scripts'))
  for (const name of ['src', 'tsconfig.json', 'tsconfig.build.json', 'scripts/sources.js', 'scripts/browser.js'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  const { sourcesHash } = (await import(pathToFileURL(join(copy, 'scripts/sources.js')).href)) as {
    sourcesHash: () => string
  }
  const original = (await import('../scripts/sources.js')).sourcesHash()
  expect(sourcesHash()).toBe(original)
  const hashes = new Set([original])
  for (const name of ['src/tlog/merkle.ts', 'src/errors.ts', 'tsconfig.json', 'scripts/browser.js']) {
    appendFileSync(join(copy, name), ' ')
    hashes.add(sourcesHash())
  }
  expect(hashes.size).toBe(5)
})

test('no test finds the build in another way', () => {
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  const own = ['built.test.ts', join('helpers', 'built.ts')]
  const others = files.filter((file) => file.endsWith('.ts') && !own.includes(file))
  expect(others.filter((file) => /['"/.]dist\//.test(readFileSync(join(ROOT, 'test', file), 'utf8')))).toEqual([])
})

test('bundlers are told to keep what is imported for its effect alone', () => {
  const { sideEffects } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { sideEffects: string[] }
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const effects = files.flatMap((file) =>
    [...readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(/^import '(\..*)\.js'$/gm)].map(([, path]) =>
      join(dirname(file), path!),
    ),
  )
  expect(effects.length).toBeGreaterThan(0)
  const kept = [...new Set(effects)].flatMap((path) => [`./dist/${path}.js`, `./src/${path}.ts`])
  expect(sideEffects.toSorted()).toEqual(kept.sort())
})
