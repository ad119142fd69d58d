// What a publisher and a user do with ipm, through its library. Arguments: a directory to work in, a name to publish.
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { IPM } from '@inkdropapp/ipm'

const [directory, name] = process.argv.slice(2)
const ipm = new IPM({ appVersion: '6.0.0' })
const told = (what) => console.log(`ok: ${what}`)

async function write(version) {
  await mkdir(path.join(directory, version, 'lib'), { recursive: true })
  const file = (place, text) => writeFile(path.join(directory, version, place), text)
  const manifest = {
    name,
    version,
    main: './lib/index',
    description: 'Made by a test',
    repository: `https://github.com/ada/${name}`,
    license: 'MIT',
    engines: { inkdrop: '>=5.9.0' }
  }
  await file('package.json', JSON.stringify(manifest, null, 2))
  await file('README.md', `# ${name} ${version}\n`)
  await file('lib/index.js', `module.exports = '${version}'\n`)
  process.chdir(path.join(directory, version))
}

const installed = async () => {
  const file = path.join(process.env.INKDROP_HOME, 'packages', name, 'package.json')
  return JSON.parse(await readFile(file, 'utf8')).version
}

await write('1.0.0')
await ipm.publish({ dryrun: true })
await assert.rejects(ipm.registry.getPackageInfo(name), (error) => error.response?.status === 404)
told('a dry run leaves nothing')
await ipm.publish()
assert.equal((await ipm.registry.getPackageInfo(name)).releases.latest, '1.0.0')
told('published')
await ipm.publish()
told('the same bytes again change nothing')
await write('1.0.0')
await writeFile('more.txt', 'other bytes')
await assert.rejects(ipm.publish(), /409/)
told('a version never changes')
await ipm.install(name)
assert.equal(await installed(), '1.0.0')
told('installed')
await write('1.1.0')
await ipm.publish()
assert.deepEqual(Object.keys((await ipm.registry.getPackageInfo(name)).versions).sort(), ['1.0.0', '1.1.0'])
told('a second version is published')
const listed = await ipm.registry.getPackages({ sort: 'recency', page: 0, theme: false })
assert.ok(listed.some((item) => item.name === name && item.versions === undefined))
const found = await ipm.registry.search({ q: name })
assert.equal(found[0].name, name)
told('listed and found')
const outdated = await ipm.getOutdated()
assert.deepEqual(outdated.map((item) => [item.name, item.latestVersion]), [[name, '1.1.0']])
await ipm.update(name)
assert.equal(await installed(), '1.1.0')
told('updated')
const { downloads } = await ipm.registry.getPackageInfo(name)
assert.equal(downloads, 2)
told('each installation counted once')
await ipm.unpublish(name, { version: '1.1.0' })
assert.equal((await ipm.registry.getPackageInfo(name)).releases.latest, '1.0.0')
told('a version is taken back')
await ipm.unpublish(name)
await assert.rejects(ipm.registry.getPackageInfo(name), (error) => error.response?.status === 404)
told('the package is taken back')
console.log('done')
