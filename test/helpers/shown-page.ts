/** The page of a node whose state the test sets, served as in production. */
import { pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import type { NodeReading } from '../../src/dashboard/facts-of.js'
import { dashboardRoutes } from '../../src/http/dashboard-door.js'
import { PageScript } from '../../src/http/page-script.js'
import { HttpServer } from '../../src/http/server.js'
import { built } from './built.js'
import { fakeNode } from './node-view.js'

export interface ShownPage {
  readonly url: string
  /** Changes the state. */
  readonly show: (next: NodeReading) => void
  /** Stops the server. */
  readonly end: () => Promise<void>
}

/** A server of the page that is stopped when the test ends. */
export async function shown(first: NodeReading): Promise<ShownPage> {
  const page = await servedPage(first)
  onTestFinished(page.end)
  return page
}

export async function servedPage(first: NodeReading): Promise<ShownPage> {
  // Here, where an outdated build fails loudly, and not in the answer to a browser.
  const file = pathToFileURL(built('dashboard/assets/page.js'))
  let reading = first
  const node = fakeNode({
    status: () => Promise.resolve(reading.status),
    witnesses: () => [...reading.witnesses],
    peers: () => [...reading.peers],
    evidence: () => Promise.resolve([...reading.evidence]),
    heads: (log) => Promise.resolve([...(reading.heads.get(log) ?? [])]),
    outcomes: (log) => [...(reading.outcomes.get(log) ?? [])],
  })
  const routes = dashboardRoutes(
    node,
    () => reading.now,
    () => PageScript.load(file),
  )
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node, routes })
  return { url: `${server.url}/`, show: (next) => void (reading = next), end: () => server.stop() }
}
