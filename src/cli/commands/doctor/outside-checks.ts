/** Checks of what surrounds a node: its logs, the clock compared with theirs, and the ports it listens on. */
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

/** Milliseconds for asking a log, and for reading its certificate. */
const PATIENCE_MS = 10_000
/** Seconds by which the clock may differ from a log's. */
const CLOCK_SECONDS = 60
/** Days for which a certificate should remain valid. */
const CERTIFICATE_DAYS = 7
const DAY_MS = 86_400_000

/** Checks that a log answers with a head it signed, over TLS that will not expire soon, and that the clocks agree. */
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
    // Something else answers there: this machine does not get what it asks for.
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
      ? fail('clock', said, 'set it, and keep it synchronised (NTP): cosignatures contain the time')
      : ok('clock', said),
  ]
}

async function tlsFinding(url: string): Promise<Diagnosis[]> {
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'https:') return []
  // Server names (SNI) are names only, not IP addresses.
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
    // Behind a proxy the certificate cannot be seen; the log itself was reached.
    return []
  } finally {
    socket.destroy()
  }
}

/** How many lying witnesses a policy tolerates. */
export function policyFinding({ policy }: Pick<Config, 'policy'>): Diagnosis {
  if (policy === undefined) return ok('policy', 'none: only the cosignature of this node counts')
  const { liars } = policyStrength(policy)
  return liars > 0
    ? ok('policy', `tolerates ${liars} lying witnesses`)
    : warn('policy', 'one lying witness is enough for two histories', 'gossum policy check FILE says why')
}

/** Whether a node could listen on its configured addresses, and who could reach it there. */
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
            `${http.host}:${http.port} is open to everyone who can reach it, without TLS`,
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
