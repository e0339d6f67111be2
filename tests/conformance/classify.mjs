// Name the result of each test of the suite, by the suite's own classifier.
// node classify.mjs SUITE_DIR RESULTS.json > {"id": ["kind", "result", "message", "name"], ...}
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'

const [directory, resultsFile] = process.argv.slice(2)
const load = path => import(pathToFileURL(`${directory}/${path}`).href)
const suites = (await load('tests/index.mjs')).default
const { determineTestResult, resultTypes } = await load('test-engine/lib/results.mjs')
const results = JSON.parse(fs.readFileSync(resultsFile, 'utf8'))
const names = new Map(Object.entries(resultTypes).map(([name, type]) => [type, name]))

const named = {}
for (const suite of suites) {
  for (const test of suite.tests.filter(test => !test.browser_only)) {
    const result = results[test.id]
    named[test.id] = [
      test.kind ?? 'required',
      names.get(determineTestResult(suites, test.id, results)),
      Array.isArray(result) ? result.slice(1).join(' ') : '',
      test.name
    ]
  }
}
console.log(JSON.stringify(named))
