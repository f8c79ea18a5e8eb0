/**
 * The description of the API at /openapi.json. It is built, and the code for that is loaded, with the first request.
 */
import { SLOW_CACHING } from './caching.js'
import { jsonText, type Reply } from './reply.js'
import type { Route } from './router.js'

export function openApiRoute(): Route {
  let made: Promise<Reply> | undefined
  const make = async (): Promise<Reply> => {
    try {
      const { openApi } = await import('./schema/openapi-document.js')
      return jsonText(`${openApi()}\n`)
    } catch (error) {
      made = undefined
      throw error
    }
  }
  return { method: 'GET', path: '/openapi.json', caching: SLOW_CACHING, handle: () => (made ??= make()) }
}
