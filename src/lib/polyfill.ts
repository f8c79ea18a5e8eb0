/**
 * Promise.withResolvers for Node 20, which libp2p's queues call at import time.
 * Import this file before anything else in every entry point.
 */
interface PromiseWithResolversLike<T> {
  promise: Promise<T>
  resolve: (value: T | PromiseLike<T>) => void
  reject: (reason?: unknown) => void
}

const promiseConstructor = Promise as unknown as { withResolvers?: <T>() => PromiseWithResolversLike<T> }

promiseConstructor.withResolvers ??= function withResolvers<T>(): PromiseWithResolversLike<T> {
  let resolve!: PromiseWithResolversLike<T>['resolve']
  let reject!: PromiseWithResolversLike<T>['reject']
  const promise = new Promise<T>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}

export {}
