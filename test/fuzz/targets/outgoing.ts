/** Headers of servers' answers, and proxy variables of the environment. */
import { redirectOf } from '../../../src/module/module-proxy.js'
import type { FetchAnswer } from '../../../src/outgoing/http-client.js'
import { readProxies } from '../../../src/outgoing/proxies.js'
import { retryAfter } from '../../../src/sumdb/fetcher.js'
import { ofText, promise, reading, type Target } from './target.js'

/** An answer with this header; undefined if no server can send it. */
function answerWith(status: number, name: string, value: string): FetchAnswer | undefined {
  try {
    return { status, headers: new Headers({ [name]: value }), body: null }
  } catch {
    return undefined
  }
}

const location: Target = {
  about: 'where answers lead',
  most: 4096,
  words: [
    'http://',
    'https://',
    '//',
    'HTTPS:',
    'file:///',
    '..',
    '/x',
    '@',
    '?',
    '#',
    'user:secret@',
    '[::1]',
    '%2f',
    '\\',
    'javascript:',
  ],
  seeds: ['https://b.example/x', '/x/y', '//c.example/x', 'http://d.example/', 'https://user:secret@e.example/x'],
  check: ofText((text) => {
    let leads = false
    for (const from of ['https://a.example/m/x', 'http://a.example/m/x']) {
      const answer = answerWith(302, 'location', text)
      const next = answer && reading(() => redirectOf(answer, from), 'PROXY_FAILED')
      if (next === undefined) continue
      leads = true
      const { protocol, username, password } = new URL(next)
      promise(
        protocol === 'https:' || (protocol === 'http:' && from.startsWith('http:')),
        'never to what others can change',
      )
      promise(username === '' && password === '', 'a login is not shown')
    }
    return leads
  }),
}

const MOST_MS = 60_000

const retry: Target = {
  about: 'Retry-After headers',
  most: 256,
  words: ['0', '120', 'Wed, 21 Oct 2065 07:28:00 GMT', 'GMT', '-1', '1e9', '.5', '9'.repeat(30), '2065-10-21'],
  seeds: ['120', 'Wed, 21 Oct 2065 07:28:00 GMT', '0'],
  check: ofText((text) => {
    const answer = answerWith(429, 'retry-after', text)
    const ms = answer === undefined ? 0 : retryAfter(answer, MOST_MS)
    promise(ms >= 0 && ms <= MOST_MS, 'a wait that ends')
    return ms > 0
  }),
}

const SECRET = 's3cret'
const ASKED = ['http://localhost/', 'https://127.0.0.1:1/', 'http://[::1]/'].map((url) => new URL(url))
const OUTSIDE = ['https://www.golang.org/', 'http://10.1.2.3:8080/', 'https://[2001:db8::1]/'].map(
  (url) => new URL(url),
)

/** One line per variable. */
const proxies: Target = {
  about: 'variables of proxies',
  most: 4096,
  words: [
    ...[
      'http_proxy=',
      'https_proxy=',
      'HTTP_PROXY=',
      'HTTPS_PROXY=',
      'no_proxy=',
      'NO_PROXY=',
      '\n',
      ',',
      '*',
      '.example',
    ],
    ...[
      `http://me:${SECRET}@p.example:3128`,
      'https://',
      '10.0.0.0/8',
      '2001:db8::/32',
      'golang.org',
      ':443',
      '/33',
      '[',
      ']',
      'socks5://',
    ],
  ],
  seeds: [
    `https_proxy=http://me:${SECRET}@p.example:3128\nno_proxy=10.0.0.0/8,.golang.org:443,2001:db8::/32\n`,
    'HTTP_PROXY=p.example:3128\nNO_PROXY=golang.org\n',
    `http_proxy=socks5://me:${SECRET}@p.example\n`,
  ],
  check: ofText((text) => {
    const env = Object.fromEntries(
      text.split('\n').map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)] as const),
    )
    const find = reading(() => {
      try {
        return readProxies(env)
      } catch (error) {
        promise(!String(error).includes(SECRET), 'no password is told')
        throw error
      }
    }, 'CONFIG_INVALID')
    if (find === undefined) return false
    promise(
      ASKED.every((url) => find(url) === undefined),
      'this machine is asked directly',
    )
    const found = OUTSIDE.map(find)
    promise(
      found.every((proxy) => proxy === undefined || /^https?:$/.test(proxy.protocol)),
      'proxies of HTTP',
    )
    return found.some((proxy) => proxy !== undefined)
  }),
}

export const OUTGOING: Readonly<Record<string, Target>> = { location, 'retry-after': retry, proxies }
