/** The answers of an observer at the routes of a witness. To a log, it is like a witness that does not know the log. */
import { GossumError } from '../../errors.js'
import type { Reply } from '../reply.js'
import type { Route } from '../router.js'
import { MAX_BODY_BYTES } from './add-checkpoint-body.js'
import { readable, refusal, troubleReply } from './witness-reply.js'

/** The routes of a witness. */
export function noWitnessRoutes(): Route[] {
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: 404 when the checkpoint origin is unknown, and here every one is.
  const refuse = (): Reply => readable(refusal({ kind: 'refused', news: false, code: 'NO_WITNESS' }))
  const post = { method: 'POST', maxBodyBytes: MAX_BODY_BYTES, refusal: troubleReply, handle: refuse } as const
  return [
    { ...post, path: '/add-checkpoint' },
    { ...post, path: '/sign-subtree' },
    { method: 'GET', path: '/:log/checkpoint', handle: refuse },
    {
      method: 'GET',
      path: '/api/v1/witness',
      handle: () => {
        throw new GossumError('NO_WITNESS')
      },
    },
  ]
}
