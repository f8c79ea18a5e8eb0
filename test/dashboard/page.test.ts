/** The page of a node: its text, and that names of others stay text. */
import { describe, expect, test } from 'vitest'
import { page } from '../../src/dashboard/page.js'
import { made } from './made.js'

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '\u001b[31mred\u001b[0m',
  'a\u202egnp.exe',
  '${7*7}',
  '</title></svg><iframe src="https://evil.example">',
  'x'.repeat(10_000),
]

describe('foreign names', () => {
  test.each(HOSTILE)('such as %j are shown as text, in one line of limited length', (name) => {
    const calm = page(
      made({ evidence: [{}], conditions: [{ name: 'unreachable', severity: 'doubtful', log: null, text: '' }] }),
    )
    const conditions = [{ name: 'unreachable', severity: 'doubtful', log: null, text: name } as const]
    const html = page(made({ logName: name, name: (i) => `${name}${i}`, evidence: [{ module: name }], conditions }))
    const tags = (text: string): Set<string> => new Set(text.match(/<[a-z/!][^\s>]*/g))
    expect(
      [...tags(html)].filter((tag) => !tags(calm).has(tag)),
      'no element of theirs',
    ).toEqual([])
    expect(html).not.toMatch(/<[^>]*\son\w+=[^>]*alert/i)
    expect(html).not.toMatch(/[\u001b\u202a-\u202e\u2066-\u2069]/)
    expect(html.length).toBeLessThan(calm.length + 30_000)
  })
})

describe('the page', () => {
  test('has no script unless one is named, and then only that', () => {
    expect(page(made())).not.toContain('<script')
    const html = page(made({ evidence: [{}] }), '/assets/page-0123.js')
    expect(html.match(/<script[^>]*>/g)).toEqual(['<script src="/assets/page-0123.js" defer>'])
    expect(html).toMatch(/<noscript><meta http-equiv="refresh"/)
  })

  test('says everything without scripts, and requests nothing from other hosts', () => {
    const html = page(made({ evidence: [{}] }))
    expect(html).not.toMatch(/<script|<link|<img|url\(|@import/)
    const links = [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => link!)
    expect(links.filter((link) => !link.startsWith('/'))).toEqual([])
    expect(html).toMatch(/<html lang="en">.*<h1>.*role="status">SPLIT VIEW/s)
    expect(html).toContain('download="0000000000000000.json"')
    expect(html).toContain('go env -u GOSUMDB')
  })

  test('has a text alternative for each picture', () => {
    const html = page(made())
    const pictures = html.match(/<svg [^>]*>/g)!
    // Each for wide screens and for narrow ones.
    expect(pictures).toHaveLength(8)
    for (const picture of pictures) expect(picture).toMatch(/role="img" aria-label="[^"]{10,}"/)
  })

  test('has the worst state of all logs in its title, and calls only proven lies proven', () => {
    const calm = made()
    const [log] = calm.status.logs
    const other = { ...log!, id: 'b'.repeat(64), name: 'other.example' }
    const titled = (change: Partial<typeof calm>): string =>
      /<title>(.*?)<\/title>/.exec(page({ ...calm, ...change }))![1]!
    expect(titled({})).toBe('gossum')
    const both = { ...calm.status, logs: [log!, other] }
    const lie = made({ evidence: [{ log: other.id }] }).evidence
    expect(titled({ status: both, evidence: lie })).toBe('PROVEN LIE: gossum')
    const frozen = { ...calm, status: { ...calm.status, logs: [{ ...log!, frozen: true }] } }
    expect(titled(frozen)).toBe('frozen: gossum')
    expect(page(frozen)).not.toContain('The proof is below')
  })

  test('also exists for a node without logs', () => {
    const reading = made()
    expect(page({ ...reading, status: { ...reading.status, logs: [] } })).toContain('>Health</h2>')
  })
})
