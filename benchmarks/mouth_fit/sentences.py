"""The sentences that the synthesisers speak. Written for this project, so no licence is needed."""

from typing import Final

SENTENCES: Final = {
    "en-us": (
        "My mother baked a warm apple pie before we moved the big boat.",
        "Five foxes very often found the path above the village.",
        "She chose a yellow shirt, and he wore huge brown shoes.",
        "Do you know who threw the moon into the blue room?",
        "Open the map, please; people have been waiting by the bridge.",
        "Three thin thieves thought about it, then gave everything back.",
    ),
    "de": (
        "Meine Mutter fährt über fünf Brücken, bevor der Morgen beginnt.",
        "Papa backt im Februar öfter Apfelkuchen mit Mohn.",
        "Wir wohnen im schönen großen Haus am Ufer des Flusses.",
        "Bitte nimm die blauen Schuhe und geh zum Bahnhof.",
    ),
    "fr": (
        "Ma mère prépare un bon pain pour le petit matin.",
        "Vous avez vu beaucoup de bateaux sous le vieux pont.",
        "Il faut ouvrir la fenêtre, il fait beau et chaud.",
        "Une jeune femme joue du piano dans la rue.",
    ),
    "es": (
        "Mi abuela prepara un buen pan para la mañana.",
        "Vamos a ver el puente viejo y el pueblo pequeño.",
        "Los niños juegan fuera, y mamá bebe una copa de agua.",
    ),
    "it": (
        "Mia madre prepara il pane buono per la mattina.",
        "Vogliamo vedere il vecchio ponte e la piccola valle.",
        "Domani piove, ma oggi fuori fa molto bel tempo.",
    ),
    "pl": (
        "Moja mama piecze dobry chleb przed południem.",
        "Wiele małych łodzi płynie pod starym mostem.",
        "Proszę otworzyć okno, bo w domu jest ciepło.",
    ),
    "ru": (
        "Моя мама печёт вкусный хлеб перед обедом.",
        "Мы видели большой мост и маленький пароход.",
        "Открой, пожалуйста, окно: в комнате очень тепло.",
    ),
    "tr": (
        "Annem sabah için büyük bir ekmek pişiriyor.",
        "Köprünün altında birçok mavi tekne var.",
        "Pencereyi aç, bugün hava çok güzel.",
    ),
    "pt-br": (
        "Minha mãe prepara um bom pão para a manhã.",
        "Vimos a velha ponte e uma pequena aldeia.",
        "Abra a porta, por favor, faz muito calor.",
    ),
    "fi": (
        "Äiti leipoo hyvää leipää ennen aamua.",
        "Pieni vene kulkee vanhan sillan alla.",
        "Avaa ikkuna, ulkona on kaunis ilma.",
    ),
}  # fmt: skip
"""By the names that espeak-ng gives the languages."""
