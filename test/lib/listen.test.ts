import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { listen, urlOf } from '../../src/lib/listen.js'
import { temporaryHome } from '../helpers/home.js'

const servers: Server[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => once(server.close(), 'close'))))
const listening = async (where: Parameters<typeof listen>[1]): Promise<Server> => {
  const server = createServer()
  await listen(server, where)
  servers.push(server)
  return server
}
const portOf = (server: Server): number => (server.address() as { port: number }).port

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::1', '[::1]'],
  ['::', '[::1]'],
])('a server on %s has the address %s', async (host, named) => {
  const server = await listening({ host, port: 0 })
  expect(urlOf(server)).toBe(`http://${named}:${portOf(server)}`)
})

test('an address in use is refused with the error of the system', async () => {
  const first = await listening({ host: '127.0.0.1', port: 0 })
  const port = portOf(first)
  await expect(listen(createServer(), { host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const path = join(temporaryHome(), 's')
  await listening({ path })
  await expect(listen(createServer(), { path })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('no error listener is left on a listening server: errors are for its owner', async () => {
  const server = await listening({ host: '127.0.0.1', port: 0 })
  expect(server.listenerCount('error')).toBe(0)
})
