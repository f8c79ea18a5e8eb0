/** Checks of what is around a node: the logs that it asks, the clock beside theirs, and the ports that it listens on. */
import { createServer, isIP } from 'node:net'
import { connect } from 'node:tls'
import type { Config, LogSetting } from '../../../config/config.js'
import { errorText } from '../../../errors.js'
import { listen } from '../../../lib/listen.js'
import { grouped } from '../../../lib/words.js'
import { SumdbClient } from '../../../sumdb/client.js'
import { policyStrength } from '../../../tlog/policy-strength.js'
import { EXIT } from '../../exit.js'
import { asFinding } from './home-checks.js'
import { fail, ok, warn, type Diagnosis } from './diagnosis.js'

/** Milliseconds for a log, and for its certificate. */
const PATIENCE_MS = 10_000
/** Seconds that the clock may differ from that of a log. */
const CLOCK_SECONDS = 60
/** Days that a certificate should still be good for. */
const CERTIFICATE_DAYS = 7
const DAY_MS = 86_400_000

/** A log gives a head that it signed, over TLS that lasts, at the time that it is here. */
export async function logFindings(log: LogSetting): Promise<Diagnosis[]> {
  const { key, url, origin } = log
  const check = `log ${key.name}`
  if (url === null) return [ok(check, 'is not asked: it pushes its heads')]
  let date: number | undefined
  try {
    const onDate = (ms: number): void => void (date = ms)
    const limits = { timeoutMs: PATIENCE_MS, deadlineMs: PATIENCE_MS, retries: 0 }
    const { head } = await new SumdbClient({ url, key, origin, onDate, ...limits }).latest()
    return [
      ok(check, `size ${grouped(head.size)}, signed by its key`),
      ...clockFinding(date),
      ...(await tlsFinding(url)),
    ]
  } catch (error) {
    // Whoever answers there: this machine does not get what it asks for.
    return [{ ...asFinding(check, error), exit: EXIT.couldNot }, ...clockFinding(date)]
  }
}

function clockFinding(date: number | undefined): Diagnosis[] {
  if (date === undefined) return []
  const now = Date.now()
  const off = Math.round((now - date) / 1000)
  const said = `${Math.abs(off)} s ${off < 0 ? 'behind' : 'ahead of'} the clock of the log`
  return [
    Math.abs(off) > CLOCK_SECONDS
      ? fail('clock', said, 'set it, and keep it synchronised (NTP): cosignatures say the time')
      : ok('clock', said),
  ]
}

async function tlsFinding(url: string): Promise<Diagnosis[]> {
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'https:') return []
  // A name alone can be asked for: an address is what it is.
  const servername = isIP(hostname) === 0 ? hostname : ''
  const socket = connect({ host: hostname, port: Number(port || 443), servername, timeout: PATIENCE_MS })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject)
      socket.once('timeout', () => reject(new Error('it took too long')))
    })
    const now = Date.now()
    const days = Math.floor((Date.parse(socket.getPeerCertificate().valid_to) - now) / DAY_MS)
    const said = `the certificate of ${hostname} is good for ${days} days`
    return [days < CERTIFICATE_DAYS ? warn('certificate', said, 'tell whoever runs it') : ok('certificate', said)]
  } catch {
    // Through a proxy it cannot be seen; the log itself was reached.
    return []
  } finally {
    socket.destroy()
  }
}

/** How many liars a policy survives. */
export function policyFinding({ policy }: Pick<Config, 'policy'>): Diagnosis {
  if (policy === undefined) return ok('policy', 'none: only the cosignature of this node counts')
  const { liars } = policyStrength(policy)
  return liars > 0
    ? ok('policy', `survives ${liars} witnesses that lie`)
    : warn('policy', 'one witness that lies is enough for two histories', 'gossum policy check FILE says why')
}

/** Whether a node could listen where it is told to; and who reaches it there. */
export async function portFindings(
  { http, listen: addresses }: Pick<Config, 'http' | 'listen'>,
  isRunning: boolean,
): Promise<Diagnosis[]> {
  const isLocal = /^(127\.|::1$|localhost$)/i.test(http.host)
  const mesh = addresses.map((address) => /^\/ip[46]\/([^/]+)\/tcp\/(\d+)$/.exec(address))
  const places = [
    { check: 'API port', host: http.host, port: http.port },
    ...mesh.flatMap((match) => (match === null ? [] : { check: 'mesh port', host: match[1]!, port: Number(match[2]) })),
  ]
  return [
    ...(isRunning ? [] : await Promise.all(places.map(portFinding))),
    ...(isLocal
      ? []
      : [
          warn(
            'API address',
            `${http.host}:${http.port} is for everybody who reaches it, without TLS`,
            'docs/operating.md, "Ports"',
          ),
        ]),
  ]
}

async function portFinding({ check, host, port }: { check: string; host: string; port: number }): Promise<Diagnosis> {
  const server = createServer()
  try {
    await listen(server, { host, port })
    return ok(check, `${host}:${port} is free`)
  } catch (error) {
    return fail(check, `${host}:${port}: ${errorText(error)}`, 'stop what listens there, or choose another port')
  } finally {
    server.close()
  }
}
