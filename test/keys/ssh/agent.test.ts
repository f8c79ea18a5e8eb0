/** Requests to an ssh-agent, and its possible answers: the real agent, and lying ones. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { agentKeys, agentSign } from '../../../src/keys/ssh/agent.js'
import { AgentSigner } from '../../../src/keys/ssh/agent-signer.js'
import { publicKeyBlob, sshString, uint32 } from '../../../src/keys/ssh/ssh-wire.js'
import { concatBytes, utf8 } from '../../../src/tlog/bytes.js'
import { makeVerifierKey, SIGNATURE_TYPES } from '../../../src/tlog/note.js'
import {
  FakeAgent,
  frame,
  honestly,
  identities,
  messageOf,
  saying,
  signature,
  type Answering,
} from '../../fakes/ssh-agent.js'
import { Feed, testSigner } from '../../helpers/heart.js'
import { HAS_OPENSSH, newSshKey, shortFolder, startSshAgent } from '../../helpers/openssh.js'

const key = testSigner('w.example', 3, SIGNATURE_TYPES.cosignature)
const other = testSigner('w.example', 4, SIGNATURE_TYPES.cosignature)
const MESSAGE = utf8('cosignature/v1\ntime 1\nhello\n')
const away = expect.objectContaining({ code: 'AGENT_UNAVAILABLE' }) as Error

describe.runIf(HAS_OPENSSH)('a real ssh-agent', () => {
  it('shows its Ed25519 keys with the fingerprints of ssh-keygen, and signs with the requested one', async () => {
    const agent = await startSshAgent()
    const keys = [newSshKey(), newSshKey('-t', 'ecdsa'), newSshKey()]
    keys.forEach((sshKey) => agent.add(sshKey))
    const [first, , second] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]]
    const shown = await agentKeys(agent)
    expect(shown.map(({ fingerprint }) => fingerprint)).toEqual([first.fingerprint, second.fingerprint])
    for (const { publicKey } of [first, second]) {
      const verifier = makeVerifierKey('w', SIGNATURE_TYPES.cosignature, publicKey)
      expect(verifier.verify(MESSAGE, await agentSign(agent, publicKey, MESSAGE))).toBe(true)
    }
  })

  it('signs a thousand simultaneous messages, one after another', async () => {
    const agent = await startSshAgent()
    const sshKey = newSshKey()
    agent.add(sshKey)
    const verifier = makeVerifierKey('w', SIGNATURE_TYPES.cosignature, sshKey.publicKey)
    const signer = new AgentSigner(verifier, agent)
    const messages = Array.from({ length: 1000 }, (_, i) => utf8(`message ${i}`))
    const signatures = await Promise.all(messages.map((message) => signer.sign(message)))
    expect(signatures.every((bytes, i) => verifier.verify(messages[i]!, bytes))).toBe(true)
  })

  it('that is locked, does not hold the key, or has ended is unavailable', async () => {
    const agent = await startSshAgent()
    const [held, missing] = [newSshKey(), newSshKey()]
    agent.add(held)
    await expect(agentSign(agent, missing.publicKey, MESSAGE)).rejects.toEqual(away)
    const askpass = join(shortFolder(), 'askpass')
    execFileSync('sh', ['-c', `printf '#!/bin/sh\\necho secret\\n' > ${askpass} && chmod 700 ${askpass}`])
    const env = { ...process.env, SSH_AUTH_SOCK: agent.socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' }
    execFileSync('ssh-add', ['-x'], { env, stdio: 'pipe' })
    await expect(agentSign(agent, held.publicKey, MESSAGE)).rejects.toEqual(away)
    expect(await agentKeys(agent)).toEqual([])
    await agent.stop()
    await expect(agentKeys(agent)).rejects.toEqual(away)
  })
})

test('a missing path, a missing socket and a file are no agent', async () => {
  for (const socket of [undefined, '', join(shortFolder(), 'none'), '/dev/null', shortFolder()]) {
    await expect(agentKeys({ socket })).rejects.toEqual(away)
    await expect(agentSign({ socket }, key.verifier.publicKey, MESSAGE)).rejects.toEqual(away)
  }
})

const truth = key.sign(MESSAGE)
const lies: [string, Answering, RegExp][] = [
  ['another message signed', saying(signature(key.sign(utf8('another')))), /does not verify/],
  ["another key's signature", saying(signature(other.sign(MESSAGE))), /does not verify/],
  ['a signature of zeros', saying(signature(new Uint8Array(64))), /does not verify/],
  ['a truncated signature', saying(signature(truth.slice(1))), /does not verify/],
  ['a signature with one byte more', saying(signature(concatBytes(truth, Uint8Array.of(0)))), /does not verify/],
  ['a signature of another type', saying(signature(truth, 'ssh-rsa')), /another type/],
  [
    'bytes after the signature',
    saying(frame(14, sshString(concatBytes(sshString('ssh-ed25519'), sshString(truth), uint32(0))))),
    /after its signature/,
  ],
  [
    'bytes after the answer',
    saying(frame(14, sshString(concatBytes(sshString('ssh-ed25519'), sshString(truth))), uint32(0))),
    /after its answer/,
  ],
  ['a second answer', saying(concatBytes(signature(truth), signature(truth))), /more than one answer/],
  ['a refusal', saying(frame(5)), /refuses \(5\)/],
  ['the answer to another request', saying(identities(key.verifier.publicKey)), /refuses \(12\)/],
  ['an invalid length', saying(frame(14, uint32(0xffffffff))), /cut/],
  ['a type and no content', saying(frame(14)), /cut/],
  ['an empty frame', saying(uint32(0)), /0 bytes/],
  ['four gigabytes', saying(concatBytes(uint32(0xffffffff), new Uint8Array(4096))), /4294967295 bytes/],
  ['less than it announces', saying(concatBytes(uint32(1000), Uint8Array.of(14))), /hung up/],
  ['garbage', saying(new Uint8Array(5000).fill(0x41)), /bytes/],
  ['a disconnection', (_request, connection) => connection.destroy(), /hung up|ECONNRESET/],
  ['silence', () => undefined, /no answer in 200 ms/],
  [
    'one byte at a time, endlessly',
    (_request, connection) => {
      connection.write(uint32(1000))
      const drip = setInterval(() => connection.write(Uint8Array.of(14)), 5)
      connection.on('close', () => clearInterval(drip))
    },
    /no answer in 200 ms/,
  ],
]

describe('an agent that answers a request for a signature with', () => {
  it.each(lies)('%s is unavailable', async (_what, answering, why) => {
    const agent = await FakeAgent.start(answering)
    const signer = new AgentSigner(key.verifier, { socket: agent.socket, timeoutMs: 200 })
    const error = await signer.sign(MESSAGE).catch((thrown: unknown) => thrown as Error)
    expect(error).toEqual(away)
    expect((error as Error).message).toMatch(why)
    // And it is not asked again.
    await expect(signer.sign(MESSAGE)).rejects.toBe(error)
    expect(agent.requests).toEqual([13])
    signer.stop()
  })

  it('a valid signature is accepted', async () => {
    const agent = await FakeAgent.start((_request, connection) => {
      // In pieces, as sockets may deliver it.
      const bytes = signature(truth)
      connection.write(bytes.slice(0, 2))
      setImmediate(() => connection.end(bytes.slice(2)))
    })
    expect(await new AgentSigner(key.verifier, agent).sign(MESSAGE)).toEqual(truth)
  })
})

describe('a list of keys', () => {
  it('may arrive in as many pieces as it has bytes', async () => {
    const comment = sshString('x'.repeat(120_000))
    const bytes = frame(12, uint32(1), sshString(publicKeyBlob(key.verifier.publicKey)), comment)
    const agent = await FakeAgent.start((_request, connection) => {
      connection.setNoDelay(true)
      for (const byte of bytes) connection.write(Uint8Array.of(byte))
    })
    expect(await agentKeys(agent)).toHaveLength(1)
  })

  it('is refused if it is malformed, and is reduced to plain Ed25519 keys', async () => {
    const { publicKey } = key.verifier
    const agent = await FakeAgent.start(
      saying(frame(12, uint32(2), sshString(publicKeyBlob(publicKey)), sshString(''))),
    )
    await expect(agentKeys(agent)).rejects.toEqual(away)
    agent.answering = saying(frame(12, uint32(0xffffffff)))
    await expect(agentKeys(agent)).rejects.toEqual(away)
    const odd = [
      concatBytes(sshString('sk-ssh-ed25519@openssh.com'), sshString(publicKey), sshString('ssh:')),
      concatBytes(sshString('ssh-ed25519'), sshString(publicKey.slice(1))),
      concatBytes(sshString('ssh-ed25519'), sshString(publicKey), uint32(0)),
      publicKeyBlob(publicKey),
    ]
    agent.answering = saying(frame(12, uint32(4), ...odd.flatMap((blob) => [sshString(blob), sshString('')])))
    expect((await agentKeys(agent)).map((shown) => shown.publicKey)).toEqual([publicKey])
  })
})

describe('an agent that disappears', () => {
  it('is looked for, reported once each time, and not asked meanwhile', async () => {
    const agent = await FakeAgent.start(honestly(key))
    const told = new Feed<string>()
    const signer = new AgentSigner(key.verifier, { socket: agent.socket, timeoutMs: 500 })
    signer.watch({ onLost: ({ code }) => told.push(code), onBack: () => told.push('back') })
    expect(await signer.sign(MESSAGE)).toEqual(truth)
    await agent.stop()
    await expect(signer.sign(MESSAGE)).rejects.toEqual(away)
    await expect(signer.sign(MESSAGE)).rejects.toEqual(away)
    expect(signer.unavailable).toEqual(away)
    await agent.listen()
    await told.next((what) => what === 'back')
    expect(await signer.sign(MESSAGE)).toEqual(truth)
    expect(told.seen).toEqual(['AGENT_UNAVAILABLE', 'back'])
    signer.stop()
  })

  it('is not back with another key', async () => {
    const agent = await FakeAgent.start(honestly(other))
    const told = new Feed<string>()
    const signer = new AgentSigner(key.verifier, agent)
    signer.watch({ onLost: ({ detail }) => told.push(detail), onBack: () => told.push('back') })
    expect(await told.next(() => true)).toContain('does not hold the key of w.example')
    agent.answering = honestly(key)
    await told.next((what) => what === 'back')
    expect(agent.requests).toEqual([11, 11])
    signer.stop()
  })

  it('keeps no caller waiting when the node stops', async () => {
    const agent = await FakeAgent.start(() => undefined)
    const signer = new AgentSigner(key.verifier, agent)
    const signing = [signer.sign(MESSAGE), signer.sign(MESSAGE)]
    while (agent.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    signer.stop()
    for (const signature of signing) await expect(signature).rejects.toEqual(away)
    expect(agent.requests).toEqual([13])
  })

  it('is asked for signatures in their order', async () => {
    const asked: string[] = []
    const agent = await FakeAgent.start((request, connection) => {
      asked.push(Buffer.from(messageOf(request)).toString())
      setTimeout(() => connection.end(signature(key.sign(messageOf(request)))), asked.length === 1 ? 50 : 0)
    })
    const signer = new AgentSigner(key.verifier, agent)
    await Promise.all(['one', 'two', 'three'].map((text) => signer.sign(utf8(text))))
    expect(asked).toEqual(['one', 'two', 'three'])
  })
})
