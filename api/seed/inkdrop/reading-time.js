'use strict'

const WORDS_A_MINUTE = 200

const minutes = text => Math.max(1, Math.round(text.split(/\s+/).filter(Boolean).length / WORDS_A_MINUTE))

module.exports = {
  minutes,
  activate() {
    this.command = global.inkdrop.commands.add(document.body, {
      'reading-time:show': () => {
        const { body } = global.inkdrop.store.getState().editingNote
        global.inkdrop.notifications.addInfo(`${minutes(body)} min`, { dismissable: true })
      }
    })
  },
  deactivate() {
    this.command.dispose()
  }
}
