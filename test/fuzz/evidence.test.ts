/**
 * Forged evidence against an honest log and an honest witness. The forger has everything that the two ever signed, keys
 * of its own, and time, but neither of their keys.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Alarm } from '../../src/evidence/alarm.js'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  makeWitnessConflict,
  parseEvidence,
  SPLIT_VIEW,
  splitViewOf,
  WITNESS_CONFLICT,
  type TwoHeads,
} from '../../src/evidence/evidence.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { EMPTY_ROOT, formatHash } from '../../src/tlog/hash.js'
import {
  formatNote,
  parseNote,
  SIGNATURE_TYPES,
  type Note,
  type Signature,
  type SignerKey,
} from '../../src/tlog/note.js'
import { alarmParts } from '../helpers/alarm-parts.js'
import { sumdbId, testSigner, testWitness as witness } from '../helpers/heart.js'
import { History, setUnusedBit } from '../helpers/history.js'

const TIME = 1_700_000_000
const signer = testSigner('log.example', 1)
const log = sumdbId(signer.verifier)
const honest = new History(signer)
/** The same names with other keys. */
const mallory = testSigner('log.example', 66)
const fake = new History(mallory).fork(3, 'fake')
const namesake = testSigner(witness.verifier.name, 66, SIGNATURE_TYPES.cosignature)
/** Another followed log, which did sign two histories. */
const liar = testSigner('liar.example', 2)
const lying = new History(liar)

async function judge() {
  const keys = [signer, liar].map(({ verifier }) => [sumdbId(verifier), verifier] as const)
  const parts = alarmParts({ keys: new Map(keys), witnesses: () => [witness.verifier] })
  return { ...parts, alarm: await Alarm.start(parts.all) }
}

const text = (note: Note): string => fromUtf8(formatNote(note))!
const head = (size: number, of = honest): string => fromUtf8(of.head(size))!
const cosigned = (note: string, by: SignerKey = witness, time = TIME): string => {
  const { text: body, signatures } = parseNote(utf8(note))
  return text({ text: body, signatures: [...signatures, cosign(body, time, by).signature] })
}
/** The text of one head with the lines of another. */
const grafted = (body: string, lines: string): string =>
  text({ text: parseNote(utf8(body)).text, signatures: parseNote(utf8(lines)).signatures })
/** A forged line that claims to be by the key. */
const disguised = (note: string, as: SignerKey, at = 0): string => {
  const { text: body, signatures } = parseNote(utf8(note))
  const { name, keyId } = as.verifier
  return text({ text: body, signatures: signatures.map((line, i) => (i === at ? { ...line, name, keyId } : line)) })
}
const withBytes = (note: string, bytes: (old: Uint8Array) => Uint8Array): string => {
  const { text: body, signatures } = parseNote(utf8(note))
  return text({ text: body, signatures: signatures.map((line): Signature => ({ ...line, bytes: bytes(line.bytes) })) })
}
const withSize = (note: string, size: string): string => {
  const lines = note.split('\n')
  return [lines[0], size, ...lines.slice(2)].join('\n')
}
const withRoot = (note: string, root: string): string => {
  const lines = note.split('\n')
  return [...lines.slice(0, 2), root, ...lines.slice(3)].join('\n')
}
const proofOf = (of: History, larger: number, smaller: number) => {
  const { root, proof } = of.prefix(of.tree(larger), smaller)!
  return { root: formatHash(root), proof: proof.map(formatHash) }
}

interface Made {
  readonly type?: unknown
  readonly log?: unknown
  readonly witness?: unknown
  readonly heads?: unknown
  readonly prefix?: unknown
}
const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`
const split = (heads: unknown, more: Made = {}): string =>
  json({ type: SPLIT_VIEW, log: signer.verifier.vkey, heads, ...more })
const conflict = (heads: readonly string[], prefix?: unknown): string =>
  json({
    type: WITNESS_CONFLICT,
    log: signer.verifier.vkey,
    witness: witness.verifier.vkey,
    heads,
    ...(prefix !== undefined && { prefix }),
  })
const zero = (root: Uint8Array): string => formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root })
const disguisedFork = disguised(head(8, fake), signer)
const inOrder = (a: string, b: string): string[] => [a, b].sort()
const genuineLie = makeSplitView(liar.verifier, [parseNote(lying.head(8)), parseNote(lying.fork(3, 'b').head(8))])
const lieText = fromUtf8(encodeEvidence(genuineLie))!

const crafted: Record<string, string> = {
  // What the log signed, and what is consistent.
  'one head twice': split([head(8), head(8)]),
  'two heads of one history, without a proof': split([head(8), head(12)]),
  'two heads of one history, with the true proof': split([head(8), head(12)], { prefix: proofOf(honest, 12, 8) }),
  'two heads of one history, with a proof of another history': split([head(8), head(12)], {
    prefix: proofOf(fake, 12, 8),
  }),
  'two heads of one history, with a false root and the true proof': split([head(8), head(12)], {
    prefix: { ...proofOf(honest, 12, 8), root: formatHash(fake.tree(8).root) },
  }),
  'two heads of one history, with an empty proof': split([head(8), head(12)], {
    prefix: { root: formatHash(fake.tree(8).root), proof: [] },
  }),
  'two heads of one history, with the root of another size': split([head(8), head(12)], {
    prefix: { ...proofOf(honest, 12, 7) },
  }),
  'two heads of one history, with a proof that is one hash too long': split([head(8), head(12)], {
    prefix: { root: formatHash(fake.tree(8).root), proof: [...proofOf(honest, 12, 8).proof, formatHash(EMPTY_ROOT)] },
  }),
  'two heads of one history, the larger first': split([head(12), head(8)], { prefix: proofOf(honest, 12, 8) }),
  'two heads of one size, with a proof': split([head(8), head(8)], { prefix: proofOf(honest, 12, 8) }),
  // What it did not sign.
  'a fork by a namesake': split(inOrder(head(8), head(8, fake))),
  'a fork by a namesake under the id of the true key': split(inOrder(head(8), disguisedFork)),
  'two forks by a namesake': split(inOrder(head(8, fake), head(8, fake.fork(3, 'c')))),
  'two forks by a namesake, whose key the file names': split(inOrder(head(8, fake), head(8, fake.fork(3, 'c'))), {
    log: mallory.verifier.vkey,
  }),
  'the text of a fork under a true signature': split(inOrder(head(8), grafted(head(8, fake), head(8)))),
  'a true signature with one bit changed': split(
    inOrder(
      head(8),
      withBytes(grafted(head(8, fake), head(8)), (old) => old.map((byte, i) => (i === 0 ? byte ^ 1 : byte))),
    ),
  ),
  'a signature of zeros': split(
    inOrder(
      head(8),
      withBytes(grafted(head(8, fake), head(8)), (old) => old.map(() => 0)),
    ),
  ),
  'a signature that is too short': split(
    inOrder(
      head(8),
      withBytes(grafted(head(8, fake), head(8)), (old) => old.slice(0, 63)),
    ),
  ),
  'a signature with a byte more': split(
    inOrder(
      head(8),
      withBytes(grafted(head(8, fake), head(8)), (old) => Uint8Array.of(...old, 0)),
    ),
  ),
  'a signature with a cosignature’s time before it': split(
    inOrder(
      head(8),
      withBytes(grafted(head(8, fake), head(8)), (old) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, ...old)),
    ),
  ),
  'a head without a signature': split([head(8), grafted(head(8, fake), head(8)).split('\n\n')[0]!]),
  'a fork under both signatures': split(
    inOrder(
      head(8),
      text({
        text: fake.text(8),
        signatures: [head(8, fake), head(8)].map((of) => parseNote(utf8(of)).signatures[0]!),
      }),
    ),
  ),
  'a fork that a witness signed in place of the log': split(
    inOrder(head(8), disguised(cosigned(head(8, fake)), signer, 1)),
  ),
  'another root under a true signature': split(inOrder(head(8), withRoot(head(8), formatHash(fake.tree(8).root)))),
  'another size under a true signature': split([withSize(head(8), '7'), head(8)]),
  'an empty tree with records, unsigned': split([
    grafted(`${zero(fake.tree(3).root)}\n— x AAAAAAA=\n`, head(8)),
    head(8),
  ]),
  'another log’s lie in this log’s name': split(genuineLie.heads),
  'a head of this log and one of another': split(inOrder(head(8), head(8, lying))),
  'this log’s heads in the name of another': split([head(8), head(12)], { log: liar.verifier.vkey }),
  'a log that is not followed': split(genuineLie.heads, { log: 'nobody.example+00000000+AAAA' }),
  'a witness key as the log': split([head(8), head(12)], { log: witness.verifier.vkey }),
  // Invalid sizes.
  'a size beyond 2^53': split([head(8), withSize(head(8), '9007199254740993')]),
  'a size of a thousand digits': split([head(8), withSize(head(8), '9'.repeat(1000))]),
  'a size below zero': split([withSize(head(8), '-1'), head(8)]),
  'a size with a zero before it': split([withSize(head(8), '08'), head(8)]),
  'a size with a fraction': split([head(8), withSize(head(8), '8.5')]),
  'a size in another base': split([head(8), withSize(head(8), '0x9')]),
  'sizes that are numbers in place of notes': split([8, 12]),
  // Spellings of a real lie: only the one canonical file convicts.
  'without indentation': JSON.stringify(JSON.parse(lieText)),
  'with a key twice': lieText.replace('"type"', `"type": "${SPLIT_VIEW}",\n  "type"`),
  'with the heads twice': lieText.replace('"heads"', '"heads": [],\n  "heads"'),
  'with an escaped letter': lieText.replace('go.sum', 'go.\\u0073um'),
  'with an escaped dash': lieText.replace('— ', '\\u2014 '),
  'with an escaped slash': lieText.replace('gossum/', 'gossum\\/'),
  'with a field more': json({ ...genuineLie, note: 'x' }),
  'with __proto__': lieText.replace('"heads"', '"__proto__": {},\n  "heads"'),
  'with its type last': json({ log: genuineLie.log, heads: genuineLie.heads, type: genuineLie.type }),
  'with a byte order mark': `\uFEFF${lieText}`,
  'with text after it': `${lieText} `,
  'with a null byte': lieText.replace('database', 'data\0base'),
  'with the same letters composed otherwise': lieText.replace('liar', 'li\u0061\u0300r'),
  'with unused bits set': json({
    ...genuineLie,
    heads: [genuineLie.heads[0], `${setUnusedBit(genuineLie.heads[1].trimEnd())}\n`],
  }),
  'with its heads swapped': json({ ...genuineLie, heads: [...genuineLie.heads].reverse() }),
  'with a third head': json({ ...genuineLie, heads: [...genuineLie.heads, genuineLie.heads[1]] }),
  'with heads as an object': json({
    ...genuineLie,
    heads: { 0: genuineLie.heads[0], 1: genuineLie.heads[1], length: 2 },
  }),
  'with a prefix that it does not need': json({ ...genuineLie, prefix: proofOf(lying, 12, 8) }),
  'with a witness that it is not about': json({ ...genuineLie, witness: witness.verifier.vkey }),
  // A witness that cosigned one history repeatedly.
  'a witness that cosigned one head twice': conflict([cosigned(head(8)), cosigned(head(8), witness, TIME + 1)]),
  'a witness that cosigned two heads of one history': conflict(
    [cosigned(head(8)), cosigned(head(12))],
    proofOf(honest, 12, 8),
  ),
  'a witness that cosigned the smaller head later': conflict(
    [cosigned(head(8), witness, TIME + 9), cosigned(head(12))],
    proofOf(honest, 12, 8),
  ),
  'a witness whose name another key bears': conflict(inOrder(cosigned(head(8)), cosigned(disguisedFork, namesake))),
  'a witness’s cosignature of another head': conflict(
    inOrder(cosigned(head(8)), grafted(head(8, fake), cosigned(head(8)))),
  ),
}

describe('made-up evidence convicts no key', () => {
  test(`in at least 46 cases`, () => expect(Object.keys(crafted).length).toBeGreaterThanOrEqual(46))

  test.each(Object.entries(crafted))('%s', async (_name, file) => {
    const { acts, alarm, convictions, errors } = await judge()
    for (const of of [log, sumdbId(liar.verifier)]) {
      expect(['invalid', 'unknown']).toContain(await alarm.receive(of, utf8(file)))
    }
    expect(['invalid', 'unknown']).toContain((await alarm.take(utf8(file))).fate)
    expect([acts, [...convictions], alarm.ids(), errors]).toEqual([[], [], [], []])
  })

  test('but the genuine evidence behind it does', async () => {
    const { alarm } = await judge()
    expect(await alarm.receive(sumdbId(liar.verifier), encodeEvidence(genuineLie))).toBe('new')
  })
})

test('an honest witness cannot be convicted by a log, which can show forks but not cosign them', async () => {
  const fork = honest.fork(3, 'b')
  const made: Record<string, string[]> = {
    'one head that it cosigned, and a fork that it did not': inOrder(cosigned(head(8)), head(8, fork)),
    'a fork cosigned by a namesake': inOrder(cosigned(head(8)), cosigned(head(8, fork), namesake)),
    'in its name': inOrder(cosigned(head(8)), disguised(cosigned(head(8, fork), namesake), witness, 1)),
    'its cosignature of the true head': inOrder(
      cosigned(head(8)),
      text({
        text: fork.text(8),
        signatures: [...parseNote(fork.head(8)).signatures, cosign(honest.text(8), TIME, witness).signature],
      }),
    ),
    'its lines first': inOrder(
      cosigned(head(8)),
      text({
        text: fork.text(8),
        signatures: [cosign(honest.text(8), TIME, witness).signature, ...parseNote(fork.head(8)).signatures],
      }),
    ),
  }
  for (const [name, heads] of Object.entries(made)) {
    const { alarm, convictions, kept } = await judge()
    expect(await alarm.receive(log, utf8(conflict(heads))), name).toBe('invalid')
    expect([...convictions], name).toEqual([])
    for (const one of kept.values()) expect(one.type).toBe(SPLIT_VIEW)
  }
})

describe('changed genuine files convict no key of anything else', () => {
  const fork = lying.fork(3, 'b')
  const note = (of: History, size: number): Note => parseNote(utf8(cosigned(fromUtf8(of.head(size))!)))
  const prefix = fork.prefix(fork.tree(12), 7)!
  const files: TwoHeads[] = [
    genuineLie,
    makeSplitView(liar.verifier, [parseNote(lying.head(7)), parseNote(fork.head(12))], prefix),
    makeWitnessConflict(liar.verifier, witness.verifier, [note(lying, 8), note(fork, 8)]),
    makeWitnessConflict(liar.verifier, witness.verifier, [note(lying, 7), note(fork, 12)], prefix),
  ]
  /** Each lie, and the split views in them: the log signed both heads, whatever the witness did. */
  const genuine = new Set(
    files.flatMap((file) => [
      evidenceId(file),
      ...(file.type === WITNESS_CONFLICT ? [evidenceId(splitViewOf(file))] : []),
    ]),
  )

  const byte = fc.nat(255)
  const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
  const bytewise = fc
    .tuple(fc.constantFrom('set', 'insert', 'remove', 'double', 'cut', 'swap'), place, place, byte)
    .map(([kind, a, b, value]) => (file: Uint8Array): Uint8Array => {
      const bytes = [...file]
      const [i, j] = [Math.floor(a * bytes.length), Math.floor(b * bytes.length)]
      const [from, to] = [Math.min(i, j), Math.max(i, j)]
      if (kind === 'set') bytes[i] = value
      else if (kind === 'insert') bytes.splice(i, 0, value)
      else if (kind === 'remove') bytes.splice(i, 1)
      else if (kind === 'double') bytes.splice(from, 0, ...bytes.slice(from, to))
      else if (kind === 'cut') bytes.splice(from, to - from)
      else [bytes[i], bytes[j]] = [bytes[j]!, bytes[i]!]
      return Uint8Array.from(bytes)
    })
  /** Mutations of the file's content, in its canonical spelling. */
  const structural = fc
    .tuple(fc.nat(9), place, place, fc.nat(3))
    .map(([kind, a, b, other]) => (file: Uint8Array): Uint8Array => {
      const made = JSON.parse(fromUtf8(file)!) as {
        heads: string[]
        log: string
        witness?: string
        prefix?: { root: string; proof: string[] }
      }
      const from = files[other]!
      const which = a < 0.5 ? 0 : 1
      const lines = made.heads[which]!.split('\n')
      const line = Math.floor(b * lines.length)
      if (kind === 0) made.heads.reverse()
      else if (kind === 1) made.heads[which] = made.heads[1 - which]!
      else if (kind === 2) made.heads[which] = from.heads[Math.floor(b * 2)]!
      else if (kind === 3)
        made.prefix =
          from.prefix === undefined
            ? { root: formatHash(EMPTY_ROOT), proof: [] }
            : { root: from.prefix.root, proof: [...from.prefix.proof] }
      else if (kind === 4) delete made.prefix
      else if (kind === 5) made.prefix?.proof.splice(Math.floor(b * made.prefix.proof.length), 1)
      else if (kind === 6) made.heads[which] = lines.filter((_, i) => i !== line).join('\n')
      else if (kind === 7) made.heads[which] = [...lines.slice(0, line), lines[line]!, ...lines.slice(line)].join('\n')
      else if (kind === 8)
        made.heads[which] = [
          ...lines.slice(0, line),
          made.heads[1 - which]!.split('\n')[line] ?? '',
          ...lines.slice(line + 1),
        ].join('\n')
      else made.log = b < 0.5 ? signer.verifier.vkey : witness.verifier.vkey
      return utf8(json(made))
    })

  test('3,000 of them', async () => {
    const { alarm, convictions, kept } = await judge()
    let refused = 0
    await fc.assert(
      fc.asyncProperty(
        fc.nat(files.length - 1),
        fc.array(fc.oneof(bytewise, structural), { minLength: 1, maxLength: 2 }),
        async (which, changes) => {
          let file = encodeEvidence(files[which]!)
          for (const change of changes) {
            try {
              file = change(file)
            } catch {
              // A file that is not JSON any more has no content to mutate.
            }
          }
          const { fate } = await alarm.take(file)
          if (fate === 'invalid') refused++
          else if (fate !== 'unknown' && !genuine.has(evidenceId(parseEvidence(file))))
            throw new Error('it was believed')
          for (const id of kept.keys()) if (!genuine.has(id)) throw new Error(`${id} was believed`)
          for (const id of convictions.keys()) if (!genuine.has(id)) throw new Error(`${id} convicts`)
        },
      ),
      { numRuns: 3_000, seed: 46787 },
    )
    // The others are the same files again, or about an unknown log.
    expect(refused).toBeGreaterThan(2_000)
  })
})
