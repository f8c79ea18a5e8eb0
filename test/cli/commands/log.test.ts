/** `gossum log serve` as a process. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { HttpServer } from '../../../src/http/server.js'
import { SumdbClient } from '../../../src/sumdb/client.js'
import { parseVerifierKey } from '../../../src/tlog/note.js'
import { gossum, jsonError, startGossum } from '../../helpers/cli.js'
import { scratchFolder } from '../../helpers/home.js'
import { fakeNode } from '../../helpers/node-view.js'

const { dir, file } = scratchFolder()

describe('gossum log serve', () => {
  const goSum = [
    'golang.org/x/text v0.3.0 h1:g61tztE5qeGQ89tm6NTjjM9VPIm088od1l6aSorWRWg=',
    'golang.org/x/text v0.3.0/go.mod h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ=',
    'rsc.io/quote v1.5.2 h1:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y=',
    '',
  ].join('\n')

  it('serves records that a client can verify, and the same log after a restart', async () => {
    const home = join(dir, 'log')
    const args = ['log', 'serve', '--home', home, '--listen', '127.0.0.1:0', '--json', '--name', 'log.example']
    const first = await startGossum([...args, '--records', '-'], { input: goSum })
    const ready = JSON.parse(first.firstLine) as { ready: boolean; log: string; url: string; size: number }
    expect(ready).toEqual({ ready: true, log: ready.log, url: ready.url, size: 2 })
    const key = parseVerifierKey(ready.log)
    expect(key).toMatchObject({ name: 'log.example', type: 0x01 })
    expect((await stat(join(home, 'log.key'))).mode & 0o777).toBe(0o600)

    const client = new SumdbClient({ url: ready.url, key })
    const { lines: found } = await client.lookup('golang.org/x/text', 'v0.3.0')
    expect(found).toEqual(goSum.split('\n').slice(0, 2))
    const head = file('log-head', await client.latestNote())
    expect((await gossum(['verify', '--log', ready.log, head])).code).toBe(0)

    const second = await gossum(args)
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(second).code).toBe('STORE_LOCKED')
    expect(await first.stop('SIGTERM')).toBe(0)

    const more = file('more', 'rsc.io/quote v1.5.3 h1:abc=\nrsc.io/quote v1.5.2 h1:another=\n')
    const restarted = await startGossum([...args, '--records', more])
    expect(JSON.parse(restarted.firstLine)).toMatchObject({ log: ready.log, size: 3 })
    expect(await restarted.stop('SIGINT')).toBe(0)
    expect(restarted.stderr()).toBe('1 record was there already with other lines: not changed\n')

    // The same lines in another order are the same record.
    const same = file('same', goSum.split('\n').reverse().join('\n'))
    const again = await startGossum([...args, '--records', same])
    await again.stop()
    expect(again.stderr()).toBe('')
  })

  it('says that a file is in place of its database, and does not call it damaged', async () => {
    const home = join(dir, 'in the way')
    await mkdir(home)
    await writeFile(join(home, 'db'), 'a file of mine')
    const refused = await gossum(['log', 'serve', '--json', '--listen', '127.0.0.1:0', '--home', home])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(refused)).toMatchObject({
      code: 'HOME_UNUSABLE',
      message: expect.stringContaining('there is a file where a directory has to be') as string,
    })
  })

  it('prints the log key to copy', async () => {
    const running = await startGossum(['log', 'serve', '--listen', '127.0.0.1:0', '--home', join(dir, 'log2')])
    expect(running.firstLine).toMatch(/^log +localhost\.localdev\/sumdb\+[0-9a-f]{8}\+/)
    await running.stop()
  })

  it.each([
    ['a record of two words', ['--records', '-'], 'RECORD_INVALID', 'golang.org/x/text v0.3.0\n'],
    ['an impossible module', ['--records', '-'], 'MODULE_INVALID', '../x v0.3.0 h1:abc=\n'],
    ['an impossible address', ['--listen', 'nowhere'], 'CONFIG_INVALID', ''],
    ['an impossible name', ['--name', 'a b'], 'KEY_MALFORMED', ''],
  ])('refuses %s', async (_what, more, code, input) => {
    const home = join(dir, 'refused')
    const result = await gossum(['log', 'serve', '--json', '--listen', '127.0.0.1:0', '--home', home, ...more], {
      input,
    })
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result).code).toBe(code)
    if (code === 'RECORD_INVALID') expect(jsonError(result).hint).toBe('go.sum lines are "path version hash"')
    if (code === 'CONFIG_INVALID') expect(jsonError(result).hint).toBe('see gossum log serve --help')
    await rm(home, { recursive: true, force: true })
  })

  it('reports an address in use', async () => {
    const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node: fakeNode() })
    const listen = server.url.slice('http://'.length)
    const result = await gossum(['log', 'serve', '--json', '--listen', listen, '--home', join(dir, 'log3')])
    await server.stop()
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(result).code).toBe('ADDRESS_IN_USE')
  })

  it('reports an address that this machine does not have', async () => {
    const result = await gossum(['log', 'serve', '--json', '--listen', '192.0.2.1:0', '--home', join(dir, 'log4')])
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(result).hint).toContain('this machine has no such address')
  })
})
