// Words of the console, Chinese first. Failure texts follow the `leg` of the contract.
import { createI18n } from 'vue-i18n'

import { en } from './en'
import { zh } from './zh'

const LANGUAGE_KEY = 'gb28181.language'

export const i18n = createI18n({
  legacy: false,
  locale: localStorage.getItem(LANGUAGE_KEY) === 'en' ? 'en' : 'zh',
  fallbackLocale: 'zh',
  messages: { zh, en },
})

export function toggleLanguage(): void {
  const locale = i18n.global.locale
  locale.value = locale.value === 'zh' ? 'en' : 'zh'
  localStorage.setItem(LANGUAGE_KEY, locale.value)
}
