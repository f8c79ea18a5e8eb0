/** The logs that are built in. Apart from the settings, so that a command that needs only this loads only this. Pure. */

/** The verifier key of sum.golang.org, as the go command has it built in, and where that log lives. */
export const SUM_GOLANG_ORG = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
export const SUM_GOLANG_ORG_URL = 'https://sum.golang.org'
