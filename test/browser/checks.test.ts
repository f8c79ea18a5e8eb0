/**
 * The checks that the page makes in the visitor's browser, with real nodes: correct, and sending only what was
 * announced.
 */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  encodeEvidence,
  makeSplitView,
  parseEvidence,
  verifyEvidence,
  type SplitView,
} from '../../src/evidence/evidence.js'
import { SumdbClient } from '../../src/sumdb/client.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecord, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { CHROMIUM, launchBrowser, look, objectionsOfAxe, type Watched } from '../helpers/browser.js'
import { removeFolder, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'

const signer = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
const key = signer.verifier
/** Sizes of the node's log now, of its earlier head, and of another history with the same key. */
const SIZE = { now: 400, before: 350, fork: 300 }
const GO_SUM = [3, 7, 301].map((n) => madeUpRecord(n).text).join('')

describe.skipIf(CHROMIUM === undefined)('in the browser', () => {
  let browser: Browser
  let log: LyingLog
  let home: string
  let node: RunningNode
  let evidence: SplitView
  /** A head of the one history, and one of the other. */
  let remembered: Uint8Array
  let forked: Uint8Array

  beforeAll(async () => {
    browser = await launchBrowser()
    log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, SIZE.before)))
    remembered = await log.history.head()
    await log.history.append(madeUpRecords(SIZE.before, SIZE.now))
    const other = await memoryLog(signer, [
      ...madeUpRecords(0, SIZE.fork),
      ...madeUpRecords(SIZE.fork, SIZE.before, 'b'),
    ])
    forked = await other.head()
    const client = new SumdbClient({ url: log.url, key })
    const newest = await client.latest()
    const prefix = await client.prefix(newest.head, SIZE.before)
    evidence = makeSplitView(key, [parseNote(forked), parseNote(newest.note)], prefix)
    home = mkdtempSync(join(tmpdir(), 'gossum-page-'))
    node = await start(home)
  })
  afterAll(async () => {
    await node.kill()
    await removeFolder(home)
    await log.close()
    await browser.close()
  })

  async function start(where: string, atEnd: (end: () => void) => void = () => undefined): Promise<RunningNode> {
    const started = await RunningNode.start(where, ['--log', `${key.vkey} ${log.url}`, '--poll', '0.5'], {}, atEnd)
    await started.event(({ event }) => event === 'quorum')
    return started
  }

  async function open(url = node.ready.http): Promise<Watched & { asked: string[] }> {
    const watched = await look(browser, `${url}/`)
    const asked: string[] = []
    watched.page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    return { ...watched, asked }
  }

  const choose = (page: Page, name: string, file: Uint8Array | string): Promise<void> =>
    page.locator('#file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(file) })
  const drop = async (page: Page, name: string, text: string, times = 1): Promise<void> => {
    const dataTransfer = await page.evaluateHandle(
      ([called, part, count]) => {
        const transfer = new DataTransfer()
        transfer.items.add(new File([part.repeat(count)], called))
        return transfer
      },
      [name, text, times] as const,
    )
    await page.dispatchEvent('body', 'drop', { dataTransfer })
  }
  /** The newest answer, once it begins with these words. */
  const answer = async (page: Page, words: string): Promise<string> => {
    const box = page.locator('#answers > div').first().locator('.answer', { hasText: words })
    await box.waitFor()
    return box.innerText()
  }
  const send = (page: Page): Promise<void> => page.getByRole('button', { name: 'send the names and check' }).click()
  const named = (asked: readonly string[]): string[] => asked.filter((path) => path.includes('/lookup/'))

  describe('a go.sum', () => {
    test('is looked up only after the visitor agrees, and then every line is proven', async () => {
      const { page, asked, hosts, faults, violations } = await open()
      await choose(page, 'go.sum', GO_SUM)
      expect(await answer(page, 'Nothing was sent yet')).toContain(
        `the names of 3 module versions go to this node (${new URL(node.ready.http).host})`,
      )
      expect(asked.filter((path) => path.startsWith('/sumdb/'))).toEqual([])
      expect(await objectionsOfAxe(page)).toEqual([])
      await send(page)
      const text = await answer(page, 'ALL WELL')
      expect(text).toContain('ALL WELL: 6 lines are in the log')
      expect(text).toContain('The head of 400 records is signed by log.example and by 1 of the witnesses')
      expect(text).toContain(`the key that this node says log.example has, ${key.vkey}.`)
      expect(named(asked)).toHaveLength(3)
      expect(await page.evaluate(() => document.activeElement!.className)).toBe('said')
      expect(await objectionsOfAxe(page)).toEqual([])
      expect([[...hosts], faults, await violations()]).toEqual([[new URL(node.ready.http).host], [], []])
    })

    test('with one wrong hash has the line named, with both hashes', async () => {
      const { page } = await open()
      const [right, wrong] = ['a', 'c'].map((salt) => /h1:\S+/.exec(madeUpRecord(7, salt).text)![0])
      await choose(page, 'go.sum', GO_SUM.replace(right!, wrong!))
      await answer(page, 'Nothing was sent yet')
      await send(page)
      expect(await answer(page, 'are NOT as in the log')).toContain('1 of 6 lines')
      const row = await page.locator('#answers tbody td').allInnerTexts()
      expect(row).toEqual([
        '3',
        'example.com/Module7 v1.7.0',
        `ANOTHER HASH: the file has ${wrong!}, the log has ${right!}`,
      ])
    })

    test.each([
      ['record', '**/lookup/**', (body: Buffer) => void (body[body.indexOf('h1:') + 3]! ^= 1)],
      ['tile', '**/tile/8/0/**', (body: Buffer) => void (body[3 * 32]! ^= 1)],
    ])('with a forged %s from the node is reported as unproven', async (_, paths, spoil) => {
      const { page } = await open()
      await page.route(paths, async (route) => {
        const response = await route.fetch()
        const body = await response.body()
        spoil(body)
        await route.fulfill({ response, body })
      })
      await choose(page, 'go.sum', GO_SUM)
      await answer(page, 'Nothing was sent yet')
      await send(page)
      expect(await answer(page, 'could not be proven')).toContain('unproven')
    })

    test('is looked up without private modules, and not at all if the visitor declines', async () => {
      const { page, asked } = await open()
      await choose(page, 'go.sum', GO_SUM)
      await answer(page, 'Nothing was sent yet')
      await page.getByLabel('Private modules').fill('example.com/Module3,*.corp')
      expect(await answer(page, 'Nothing was sent yet')).toContain('1 version of private modules will not be named')
      await send(page)
      expect(await answer(page, 'ALL WELL')).toContain('2 lines of private modules: nobody was asked about them')
      expect(
        named(asked)
          .map((path) => /!module(\d+)@/.exec(path)![1])
          .toSorted(),
      ).toEqual(['301', '7'])
      asked.length = 0
      await choose(page, 'go.sum', GO_SUM)
      await page.getByRole('button', { name: 'do not' }).click()
      await answer(page, 'Not checked. Nothing was sent.')
      expect(named(asked)).toEqual([])
    })

    test('with hostile content stays text', async () => {
      const { page, hosts, faults, violations } = await open()
      const lines = [
        '<img src=http://evil.example onerror=alert(1)> v1 h1:x',
        '\u001b[31m \u202e h1:y',
        'x'.repeat(10_000),
      ]
      await choose(page, '<img src=x onerror=alert(1)>', `${lines.join('\n')}\n${GO_SUM}`)
      await answer(page, 'Nothing was sent yet')
      await send(page)
      expect(await answer(page, 'are NOT as in the log')).toContain('<img src=http://evil.example onerror=alert(1)>')
      expect(await page.locator('#answers img').count()).toBe(0)
      expect(await page.locator('#answers').innerText()).not.toMatch(/[\u001b\u202e]/)
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
      expect([[...hosts], faults, await violations()]).toEqual([[new URL(node.ready.http).host], [], []])
    })
  })

  describe('the head that the go command remembers', () => {
    test('of the one history is consistent, dropped as a file', async () => {
      const { page, asked } = await open()
      await drop(page, 'latest', fromUtf8(remembered)!)
      expect(await answer(page, 'CONSISTENT')).toContain('the head of 350 records belongs to the one history')
      expect(asked.filter((path) => path.startsWith('/api/v1/heads'))).toEqual([])
    })

    test('of another history, pasted as text, convicts the log with a downloadable proof', async () => {
      const { page } = await open()
      await page.getByLabel('or paste its text').fill(fromUtf8(forked)!)
      await page.getByRole('button', { name: 'check the text' }).press('Enter')
      await answer(page, 'SPLIT VIEW')
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'keep the proof' }).click(),
      ])
      const file = readFileSync(await download.path())
      expect(verifyEvidence(parseEvidence(file), [key]).sizes).toEqual([SIZE.before, SIZE.now])
    })

    test('beyond the tiles of the node is pending', async () => {
      const { page } = await open()
      const ahead = await memoryLog(signer, [...madeUpRecords(0, SIZE.fork), ...madeUpRecords(SIZE.fork, 500, 'b')])
      await choose(page, 'latest', await ahead.head())
      expect(await answer(page, 'PENDING')).toContain('the head of 500 records')
    })
  })

  describe('evidence', () => {
    test('that is valid is proven, and forged by one byte convicts no key', async () => {
      const { page, asked } = await open()
      const file = fromUtf8(encodeEvidence(evidence))!
      await choose(page, 'evidence.json', file)
      expect(await answer(page, 'PROVEN')).toContain(
        'PROVEN: log.example signed two histories, with heads of 350 and of 400 records',
      )
      for (const forged of [
        file.replace('350', '351'),
        file.replace(/"root": "./, '"root": "x'),
        file.replace(/(log\.example [A-Za-z0-9+/]{20})./, '$1_'),
      ]) {
        await choose(page, 'forged.json', forged)
        await answer(page, 'NOT PROVEN: this convicts nobody')
      }
      expect(
        asked.filter((path) => !['/', '/api/v1/status', '/api/v1/witnesses', '/api/v1/events'].includes(path)),
      ).toEqual([])
    })

    test('of an unknown log is not proven', async () => {
      const { page } = await open()
      const stranger = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(8))
      await choose(page, 'x.json', fromUtf8(encodeEvidence({ ...evidence, log: stranger.verifier.vkey }))!)
      await answer(page, 'NOT PROVEN')
    })

    test('a text in no known format is not sent', async () => {
      const { page, asked } = await open()
      await choose(page, 'notes.txt', 'dear diary\n')
      await answer(page, 'This is neither a go.sum, nor a signed head, nor evidence.')
      await drop(page, 'big', 'x'.repeat(17), 1024 * 1024)
      await answer(page, 'too large')
      expect(asked.filter((path) => path !== '/' && path !== '/api/v1/events')).toEqual([])
    })
  })

  test('a fork appears on an open page, and its evidence is verified there', async () => {
    const watched = await start(temporaryHome(), onTestFinished)
    const { page, hosts, faults, violations } = await open(watched.ready.http)
    const verdict = page.locator('.verdict')
    expect(await verdict.textContent()).not.toContain('SPLIT')
    await page.getByText('Live: changes appear automatically.').waitFor()
    // A visitor submits the head that they were shown.
    const brought = await fetch(`${watched.ready.http}/api/v1/heads`, { method: 'POST', body: new Uint8Array(forked) })
    expect(await brought.json()).toMatchObject({ outcome: 'conflict' })
    await page.locator('.verdict.split', { hasText: 'SPLIT VIEW' }).waitFor()
    expect(await page.title()).toBe('PROVEN LIE: gossum')
    const button = page.getByRole('button', { name: 'verify here' })
    const box = page.locator('.shelf .answer')
    await button.press('Enter')
    await box.getByText('PROVEN: log.example signed two histories').waitFor()
    expect(await box.innerText()).toContain(`gossum verify FILE --log ${key.vkey}`)
    expect(await objectionsOfAxe(page)).toEqual([])
    // A node that serves a different file than it promised, or none.
    await page.route('**/api/v1/evidence/*', async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, body: (await response.text()).replace('350', '351') })
    })
    await button.click()
    await box.getByText('NOT PROVEN: this convicts nobody').waitFor()
    expect([[...hosts], faults, await violations()]).toEqual([[new URL(watched.ready.http).host], [], []])
  })
})
