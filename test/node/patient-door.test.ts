/** The operator's socket in a home where it cannot be created at first. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tellNode } from '../../src/cli/operator-client.js'
import { operatorSocket } from '../../src/http/operator-path.js'
import { OperatorDoor } from '../../src/http/operator-socket.js'
import { PatientDoor } from '../../src/node/patient-door.js'
import { temporaryHome } from '../helpers/home.js'
import { EVIDENCE_ID, fakeNode } from '../helpers/node-view.js'

function doorOf(
  home: string,
  everyMs?: number,
): { door: PatientDoor; node: ReturnType<typeof fakeNode>; errors: unknown[] } {
  const node = fakeNode()
  const errors: unknown[] = []
  const open = (): Promise<OperatorDoor> => OperatorDoor.start(home, node, {})
  const door = new PatientDoor({
    open,
    onError: (error) => errors.push(error),
    ...(everyMs !== undefined && { everyMs }),
  })
  onTestFinished(() => door.stop())
  return { door, node, errors }
}

/** A home in which no socket can be created at its path. */
function homeWithout(): string {
  const home = temporaryHome()
  mkdirSync(operatorSocket(home))
  writeFileSync(join(operatorSocket(home), 'in the way'), '')
  return home
}

test('the operator’s socket is opened as soon as the home allows it, and its error is reported once', async () => {
  const home = homeWithout()
  const { door, node, errors } = doorOf(home, 20)
  await door.start()
  expect(door.fault).toContain(operatorSocket(home))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(errors).toEqual([expect.objectContaining({ code: 'OPERATOR_DOOR' })])
  rmSync(operatorSocket(home), { recursive: true })
  while (door.fault !== undefined) await new Promise((resolve) => setTimeout(resolve, 10))
  await tellNode(home, `/api/v1/evidence/${EVIDENCE_ID}/ack`)
  expect(node.acknowledged).toEqual([EVIDENCE_ID])
})

test('the operator’s socket is not tried again once the node has stopped', async () => {
  const home = homeWithout()
  const { door } = doorOf(home, 10)
  await door.start()
  await door.stop()
  rmSync(operatorSocket(home), { recursive: true })
  await new Promise((resolve) => setTimeout(resolve, 60))
  await expect(tellNode(home, `/api/v1/evidence/${EVIDENCE_ID}/ack`)).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
  })
  expect(door.fault).toBeDefined()
})
